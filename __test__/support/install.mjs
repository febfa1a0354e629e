// actonce as users install it: unpacked from the packed tarballs into a folder's node_modules.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pack } from '../../scripts/pack.mjs';
import { platform } from '../../scripts/platform.mjs';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from './folder.mjs';

const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

/** Puts the packed packages where npm would: a registry that has them does not exist yet. */
export async function installActonce(folder) {
  const packed = temporaryFolder('packed');
  await pack(packed);
  for (const name of ['actonce', `actonce-${platform()}`]) {
    const into = path.join(folder, 'node_modules', name);
    fs.rmSync(into, { recursive: true, force: true });
    fs.mkdirSync(into, { recursive: true });
    execFileSync('tar', ['-xzf', path.join(packed, `${name}-${version}.tgz`), '--strip-components=1', '-C', into]);
  }
}
