// One module of lib/ as a test needs it: bundled in memory, without the addon and without the rest of the package.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { temporaryFolder } from './folder.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Bundles `entry` the way the package is built and loads it.
 * @param {string} entry - A file of the project: `lib/outcome/codec/index.ts`.
 * @param {Record<string, string>} [modules] - CommonJS sources of packages the module finds when it requires them.
 */
export async function bundle(entry, modules = {}) {
  const folder = temporaryFolder('bundle');
  for (const [name, source] of Object.entries(modules)) {
    const file = path.join(folder, 'node_modules', `${name}.js`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, source);
  }
  const outfile = path.join(folder, 'module.cjs');
  await build({
    entryPoints: [path.join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['next/*', 'actonce-*', '*.node'],
    logLevel: 'warning',
  });
  return createRequire(outfile)(outfile);
}

/** Bundles `entry` for a page that a test opens: its exports are `window[name]` there. */
export async function bundleForPage(entry, name) {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, entry)],
    write: false,
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: name,
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
    logLevel: 'warning',
  });
  return outputFiles[0].text;
}
