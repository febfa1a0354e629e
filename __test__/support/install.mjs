// actonce as users install it: unpacked from the packed tarballs into a folder's node_modules.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pack } from '../../scripts/pack.mjs';
import { platform } from '../../scripts/platform.mjs';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from './folder.mjs';

const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

/** The packed packages: actonce and the addon of this platform. */
export async function tarballs() {
  const packed = temporaryFolder('packed');
  await pack(packed);
  return ['actonce', `actonce-${platform()}`].map((name) => path.join(packed, `${name}-${version}.tgz`));
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
