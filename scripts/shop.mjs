// Makes the shop ready to run: its own modules, actonce installed into it from tarballs as npm would install it, and
// its production build. An install or a build is skipped while its inputs stay the same. The addon and dist/ must have
// been built.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pack } from './pack.mjs';
import { platform } from './platform.mjs';
import { prepareModules } from './prepare.mjs';
import { root, run } from './step.mjs';

const shop = path.join(root, 'examples/shop');
const SOURCES = [
  'app',
  'components',
  'lib',
  'instrumentation.ts',
  'next.config.ts',
  'tsconfig.json',
  'package-lock.json',
];

export async function prepareShop() {
  await prepareModules(shop);
  const [main, ...natives] = await pack();
  const packages = [main, natives.find((tarball) => path.basename(tarball).startsWith(`actonce-${platform()}-`))];
  await unlessSame(path.join(shop, 'node_modules/.actonce-digest'), packages, () =>
    // --no-save: the committed manifest knows no tarball of this machine.
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--include=dev', ...packages], { cwd: shop }),
  );
  const sources = SOURCES.flatMap((name) => filesOf(path.join(shop, name)));
  await unlessSame(path.join(shop, '.next/digest'), [...packages, ...sources], () =>
    run('npm', ['run', 'build'], {
      cwd: shop,
      env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
    }),
  );
}

function filesOf(place) {
  if (fs.statSync(place).isFile()) return [place];
  const below = fs.readdirSync(place, { recursive: true }).map((name) => path.join(place, name));
  return below.filter((file) => fs.statSync(file).isFile()).sort();
}

/** Does `work` and keeps the digest of its inputs in `stamp`, unless that is what it holds already. */
async function unlessSame(stamp, inputs, work) {
  const hash = createHash('sha256');
  for (const file of inputs) hash.update(path.relative(root, file)).update('\0').update(fs.readFileSync(file));
  const digest = hash.digest('hex');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return;
  fs.rmSync(stamp, { force: true });
  await work();
  fs.writeFileSync(stamp, digest);
}
