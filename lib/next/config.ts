/**
 * What Next must load itself and not bundle: an addon cannot be bundled. The whole package is not named here, since its
 * React hooks would get another React than the app's.
 */
const PACKAGE = 'actonce/server';

type NextConfig = Record<string, unknown>;

/**
 * The major version of Next: 14 has the option under another name, in `experimental`. Undefined when Next is not
 * installed here.
 */
function majorOfNext(): number | undefined {
  try {
    const { version } = require('next/package.json') as { version: string };
    return Number(version.split('.')[0]);
  } catch {
    return undefined;
  }
}

function added(names: unknown): string[] {
  return [...new Set([...((names as string[] | undefined) ?? []), PACKAGE])];
}

function extended(config: NextConfig): NextConfig {
  if (majorOfNext() !== 14) return { ...config, serverExternalPackages: added(config.serverExternalPackages) };
  const experimental = (config.experimental ?? {}) as NextConfig;
  const serverComponentsExternalPackages = added(experimental.serverComponentsExternalPackages);
  return { ...config, experimental: { ...experimental, serverComponentsExternalPackages } };
}

/** Takes an object, a promise of one or a function, as next.config does, and gives the same kind. */
export function withActonce(config: unknown = {}): unknown {
  if (config instanceof Promise) return config.then(extended);
  if (typeof config !== 'function') return extended(config as NextConfig);
  return async (...given: unknown[]) => extended((await config(...given)) as NextConfig);
}
