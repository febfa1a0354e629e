// Bundles lib/ into dist/: one CommonJS file with everything that runs on the server, small files beside it that export
// the parts of it under their names, and React's part on its own. Every server file is CommonJS with an ESM file that
// re-exports it: an app may load both forms, and an external ESM package cannot import next/navigation.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { isMain, main, root } from './step.mjs';

const dist = path.join(root, 'dist');

const shared = {
  bundle: true,
  sourcemap: true,
  legalComments: 'inline',
  logLevel: 'warning',
};

/** The parts of the server bundle and the names each exports, spelled out for tools that read without running. */
function partsOf(file) {
  const require = createRequire(import.meta.url);
  delete require.cache[file];
  return Object.entries(require(file)).map(([part, exported]) => [part, Object.keys(exported).sort()]);
}

function writePart(part, names) {
  const file = (extension) => path.join(dist, `${part}.${extension}`);
  const assignments = names.map((name) => `exports.${name} = part.${name};`);
  fs.writeFileSync(
    file('cjs'),
    ["'use strict';", `const part = require('./server.cjs').${part};`, ...assignments, ''].join('\n'),
  );
  const list = names.length === 0 ? 'export {};' : `export const { ${names.join(', ')} } = part;`;
  fs.writeFileSync(file('mjs'), [`import part from './${part}.cjs';`, list, ''].join('\n'));
}

async function buildServer() {
  const outfile = path.join(dist, 'server.cjs');
  await build({
    ...shared,
    entryPoints: [path.join(root, 'lib/server.ts')],
    outfile,
    platform: 'node',
    target: 'node20.9',
    format: 'cjs',
    // Next is the app's own, OpenTelemetry's API as well, and the addons are files: all are found at run time, from
    // where this file is.
    external: ['next', 'next/*', '@opentelemetry/api', 'actonce-*', '*.node'],
  });
  const parts = partsOf(outfile);
  for (const [part, names] of parts) writePart(part, names);
  return parts.map(([part, names]) => `${part} (${names.length} names)`);
}

async function buildReact() {
  for (const [format, extension] of [
    ['esm', 'mjs'],
    ['cjs', 'cjs'],
  ]) {
    await build({
      ...shared,
      entryPoints: [path.join(root, 'lib/react/index.ts')],
      outfile: path.join(dist, `react.${extension}`),
      platform: 'neutral',
      target: 'es2022',
      format,
      jsx: 'automatic',
      banner: { js: "'use client';" },
      external: ['react', 'react/*', 'react-dom', 'next', 'next/*'],
    });
  }
  return ['react'];
}

export async function buildTypeScript() {
  fs.rmSync(dist, { recursive: true, force: true });
  const built = [...(await buildServer()), ...(await buildReact())];
  console.log(`built dist/: ${built.join(', ')}`);
}

if (isMain(import.meta.url)) await main(buildTypeScript);
