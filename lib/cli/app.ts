/** Recognises a Next.js app: where its routes are, in which language, and what has to be told to install a package. */
import fs from 'node:fs';
import path from 'node:path';

export interface App {
  readonly folder: string;
  /** The folder of the App Router, relative to `folder`. */
  readonly routes: string;
  readonly isTypeScript: boolean;
  /** The name of its configuration; undefined when there is none. */
  readonly config: string | undefined;
  /** What installs actonce; undefined when it is a dependency already. */
  readonly installCommand: string | undefined;
}

const ROUTES = ['app', 'src/app'];
const CONFIGS = ['next.config.ts', 'next.config.mts', 'next.config.mjs', 'next.config.js'];
const INSTALL_COMMANDS = {
  'pnpm-lock.yaml': 'pnpm add actonce',
  'yarn.lock': 'yarn add actonce',
  'bun.lock': 'bun add actonce',
  'bun.lockb': 'bun add actonce',
};

interface Manifest {
  readonly dependencies?: { readonly next?: string; readonly actonce?: string };
  readonly devDependencies?: { readonly next?: string; readonly actonce?: string };
}

function installCommand(folder: string): string {
  const lock = Object.entries(INSTALL_COMMANDS).find(([file]) => fs.existsSync(path.join(folder, file)));
  return lock?.[1] ?? 'npm install actonce';
}

/** @returns the app, or why there is none that `init` can help */
export function recognise(folder: string): App | string {
  const has = (name: string) => fs.existsSync(path.join(folder, name));
  if (!has('package.json')) return `There is no package.json in ${folder}. Run this in the folder of your Next.js app.`;
  const text = fs.readFileSync(path.join(folder, 'package.json'), 'utf8');
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch {
    return `The package.json in ${folder} is not JSON.`;
  }
  const wanted = { ...manifest.devDependencies, ...manifest.dependencies };
  if (wanted.next === undefined) return 'The package.json does not name next: this is no Next.js app.';
  const routes = ROUTES.find(has);
  if (routes === undefined) {
    return 'There is no folder app or src/app: this app does not use the App Router, which Server Actions need.';
  }
  return {
    folder,
    routes,
    isTypeScript: has('tsconfig.json'),
    config: CONFIGS.find(has),
    installCommand: wanted.actonce === undefined ? installCommand(folder) : undefined,
  };
}
