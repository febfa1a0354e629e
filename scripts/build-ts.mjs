// Bundles lib/. What runs on the server becomes one CommonJS file, server/index.cjs. Its parts share what they hold in
// memory, and Next must not bundle it (`serverExternalPackages: ['actonce/server']`). The names that users import are
// small files in dist/, which Next may bundle as often as it likes. React's part is bundled by itself and imports
// nothing of the server's file: an external package would get another React than the app's.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { isMain, main, root } from './step.mjs';

const dist = path.join(root, 'dist');
const server = path.join(root, 'server');

const shared = {
  bundle: true,
  // No source maps: what is built is not minified, so a stack trace points to readable lines.
  legalComments: 'inline',
  logLevel: 'warning',
};

/** The parts of the server bundle and the names each exports, spelled out for tools that read without running. */
function partsOf(file) {
  const require = createRequire(import.meta.url);
  delete require.cache[file];
  return Object.entries(require(file)).map(([part, exported]) => [part, Object.keys(exported).sort()]);
}

/** The CommonJS file, the ESM file that re-exports it, and what stands for them where there is no Node. */
function writePart(part, names) {
  const file = (extension) => path.join(dist, `${part}.${extension}`);
  const write = (extension, lines) => fs.writeFileSync(file(extension), [...lines, ''].join('\n'));
  const assignments = names.map((name) => `exports.${name} = part.${name};`);
  write('cjs', ["'use strict';", `const part = require('actonce/server').${part};`, ...assignments]);
  write('mjs', [`import part from './${part}.cjs';`, `export const { ${names.join(', ')} } = part;`]);
  const standIns = names.map((name) => `export const ${name} = unsupported('${name}');`);
  write('edge.mjs', [`import { unsupported } from './unsupported.mjs';`, ...standIns]);
  // Next turns this import into an error of the build that names the file which has to change.
  write('browser.mjs', ["import 'server-only';", `export * from './${part}.edge.mjs';`]);
}

const SERVER = {
  ...shared,
  entryPoints: [path.join(root, 'lib/server.ts')],
  outfile: path.join(server, 'index.cjs'),
  platform: 'node',
  target: 'node20.9',
  format: 'cjs',
  // Next and OpenTelemetry's API are the app's own, and the addons are files. All are found at run time, from where this
  // file is.
  external: ['next', 'next/*', '@opentelemetry/api', 'actonce-*', '*.node'],
};

async function buildServer() {
  await build(SERVER);
  const parts = partsOf(SERVER.outfile);
  fs.mkdirSync(dist, { recursive: true });
  for (const [part, names] of parts) writePart(part, names);
  return parts.map(([part, names]) => `${part} (${names.length} names)`);
}

async function buildUnsupported() {
  await build({
    ...shared,
    entryPoints: [path.join(root, 'lib/wire/unsupported.ts')],
    outfile: path.join(dist, 'unsupported.mjs'),
    platform: 'neutral',
    target: 'es2022',
    format: 'esm',
  });
}

const REACT = {
  ...shared,
  entryPoints: [path.join(root, 'lib/react/index.ts')],
  platform: 'neutral',
  target: 'es2022',
  jsx: 'automatic',
  banner: { js: "'use client';" },
  external: ['react', 'react/*', 'react-dom', 'next', 'next/*'],
};

async function buildReact() {
  await build({ ...REACT, format: 'esm', outfile: path.join(dist, 'react.mjs') });
  await build({ ...REACT, format: 'cjs', outfile: path.join(dist, 'react.cjs') });
  return ['react'];
}

/** The command `actonce`. It does not load the server's file: it is for an app in which nothing works yet. */
async function buildCli() {
  await build({
    ...shared,
    entryPoints: [path.join(root, 'lib/cli/index.ts')],
    outfile: path.join(dist, 'cli.mjs'),
    platform: 'node',
    target: 'node20.9',
    format: 'esm',
    banner: { js: '#!/usr/bin/env node' },
  });
  fs.chmodSync(path.join(dist, 'cli.mjs'), 0o755);
}

/** The npm packages whose code is in what is built. */
export async function bundledPackages() {
  const found = new Set();
  for (const options of [SERVER, { ...REACT, format: 'esm', outfile: path.join(dist, 'react.mjs') }]) {
    const { metafile } = await build({ ...options, write: false, metafile: true });
    for (const input of Object.keys(metafile.inputs)) {
      const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (name !== undefined) found.add(name);
    }
  }
  return [...found].sort();
}

/** The types of an ES module must be a module's, too: these pass on what the manuals, the `*.d.ts`, describe. */
function writeTypes() {
  for (const part of ['index', 'next', 'react', 'testing']) {
    fs.writeFileSync(path.join(dist, `${part}.d.mts`), `export * from '../${part}.js';\n`);
  }
}

export async function buildTypeScript() {
  for (const folder of [dist, server]) fs.rmSync(folder, { recursive: true, force: true });
  const built = [...(await buildServer()), ...(await buildReact())];
  await buildUnsupported();
  await buildCli();
  writeTypes();
  console.log(`built server/ and dist/: ${built.join(', ')}`);
}

if (isMain(import.meta.url)) await main(buildTypeScript);
