// actonce as users install it: unpacked from the packed tarballs into a folder's node_modules.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pack } from '../../scripts/pack.mjs';
import { temporaryFolder } from './folder.mjs';

/** The packed packages: actonce, and the addons that were built. */
export function tarballs() {
  return pack(temporaryFolder('packed'));
}

/** Puts them where npm would: a registry that has them does not exist yet. */
export async function installActonce(folder) {
  for (const tarball of await tarballs()) {
    const into = path.join(folder, 'node_modules', path.basename(tarball).replace(/-\d.*/, ''));
    fs.rmSync(into, { recursive: true, force: true });
    fs.mkdirSync(into, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', into]);
  }
}
