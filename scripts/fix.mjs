// `npm run fix`: mends what can be mended without a person. The rest is for a person; `npm run check` names it.
import path from 'node:path';
import { prepareModules } from './prepare.mjs';
import { attempt, isMain, main, root, run } from './step.mjs';

const FIXES = {
  'cargo fmt': ['cargo', 'fmt', '--all'],
  'rustfmt, of the benchmark': ['rustfmt', '--edition', '2024', 'bench/delay-proxy.rs'],
  biome: [path.join(root, 'node_modules/.bin/biome'), 'check', '--write', '--no-errors-on-unmatched'],
  'code in the recipes': [process.execPath, 'scripts/embed.mjs'],
  'width of Markdown': [process.execPath, 'scripts/markdown-width.mjs', '--fix'],
};

export async function fix() {
  await prepareModules();
  const left = [];
  for (const [name, [command, ...args]] of Object.entries(FIXES)) {
    if (!(await attempt(`fix: ${name}`, () => run(command, args)))) left.push(name);
  }
  if (left.length > 0) throw new Error(`something is left to mend by hand: ${left.join('; ')}`);
}

if (isMain(import.meta.url)) await main(fix);
