// Builds the crate and puts the addon where lib/native/addon.ts looks first. Nothing is skipped: cargo knows what is up to
// date.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { addonFile } from './platform.mjs';
import { isMain, main, root, run } from './step.mjs';

function builtLibrary() {
  const answer = execFileSync('cargo', ['metadata', '--no-deps', '--locked', '--format-version', '1'], { cwd: root });
  const release = path.join(JSON.parse(answer).target_directory, 'release');
  const file = { darwin: 'libactonce.dylib', win32: 'actonce.dll' }[process.platform] ?? 'libactonce.so';
  return path.join(release, file);
}

export async function buildNative() {
  await run('cargo', ['build', '--release', '--locked', '--lib']);
  const addon = path.join(root, addonFile());
  // A rename, because a process may have the old file mapped: writing into it would crash that process.
  const fresh = `${addon}.${process.pid}.tmp`;
  fs.copyFileSync(builtLibrary(), fresh);
  fs.renameSync(fresh, addon);
  console.log(`built ${path.relative(root, addon)}`);
}

if (isMain(import.meta.url)) await main(buildNative);
