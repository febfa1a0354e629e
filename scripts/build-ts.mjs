// Bundles lib/ into one CommonJS file, and writes the ESM file that re-exports it: an app may load both forms, and an
// external ESM package cannot import next/navigation. See docs on packaging in ARCHITECTURE.md.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { isMain, main, root } from './step.mjs';

const dist = path.join(root, 'dist');

/** The names a CommonJS file exports, as index.mjs has to spell them out for tools that read without running. */
function namesOf(file) {
  const require = createRequire(import.meta.url);
  delete require.cache[file];
  return Object.keys(require(file)).sort();
}

export async function buildTypeScript() {
  const outfile = path.join(dist, 'index.cjs');
  await build({
    entryPoints: [path.join(root, 'lib/index.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.9',
    format: 'cjs',
    sourcemap: true,
    legalComments: 'inline',
    // Next is the app's own, and the addons are files: both are found at run time, from where this file is.
    external: ['next', 'next/*', 'actonce-*', '*.node'],
    logLevel: 'warning',
  });
  const names = namesOf(outfile);
  const lines = [`import actonce from './index.cjs';`, `export const { ${names.join(', ')} } = actonce;`, ''];
  fs.writeFileSync(path.join(dist, 'index.mjs'), lines.join('\n'));
  console.log(`built dist/index.cjs and dist/index.mjs: ${names.length} names`);
}

if (isMain(import.meta.url)) await main(buildTypeScript);
