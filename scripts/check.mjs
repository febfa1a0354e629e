// `npm run check`: the form of the code and of the texts about it. Every check runs, so that one run shows all that is
// wrong.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { prepareModules } from './prepare.mjs';
import { attempt, isMain, main, root, run } from './step.mjs';

const installed = (name) => path.join(root, 'node_modules/.bin', name);
const clippy = (...what) => ['cargo', 'clippy', '--locked', ...what, '--', '-D', 'warnings'];

const CHECKS = {
  'cargo fmt': ['cargo', 'fmt', '--all', '--check'],
  'rustfmt, of the benchmark': ['rustfmt', '--check', '--edition', '2024', 'bench/delay-proxy.rs'],
  // Tests are built without Node-API: its exports exist only in the addon.
  'clippy, with Node-API': clippy('--lib'),
  'clippy, plain Rust': clippy('--all-targets', '--no-default-features'),
  biome: [installed('biome'), 'check', '--error-on-warnings', '--no-errors-on-unmatched'],
  tsc: [installed('tsc'), '--noEmit'],
  'tsc, in the browser': [installed('tsc'), '--noEmit', '-p', 'tsconfig.react.json'],
  'the rooms of lib/': [process.execPath, 'scripts/circles.mjs'],
  'pointers to what is not there': [process.execPath, 'scripts/pointers.mjs'],
  'width of Markdown': [process.execPath, 'scripts/markdown-width.mjs'],
  // It reads the manifests of every platform's crates: cargo fetches those that no build here has needed yet.
  'cargo deny': ['cargo', 'deny', '--locked', 'check', 'bans', 'licenses', 'sources'],
};

/**
 * cargo-deny is an extra program: the check runs it where it is installed, and says elsewhere that it was skipped.
 * Advisories need a download and are left out.
 */
function reasonToSkip(name) {
  if (name !== 'cargo deny' || spawnSync('cargo', ['deny', '--version']).status === 0) return undefined;
  return 'skipped, cargo-deny is not installed (`cargo install cargo-deny --locked` gets it)';
}

export async function check() {
  await prepareModules();
  const failed = [];
  for (const [name, [command, ...args]] of Object.entries(CHECKS)) {
    const passed = await attempt(`check: ${name}`, async () => {
      const reason = reasonToSkip(name);
      if (reason) return console.log(reason);
      await run(command, args);
    });
    if (!passed) failed.push(name);
  }
  if (failed.length > 0) throw new Error(`the check found faults: ${failed.join('; ')}`);
}

if (isMain(import.meta.url)) await main(check);
