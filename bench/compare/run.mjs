// `npm run compare`: the decisive rows of docs/comparison.md, run against the real packages on a real Redis. Installs
// the peers, and builds actonce when it is not built.
import { execFileSync, fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { dieWithUs, hasEnded } from '../../__test__/support/reaper.mjs';
import { serverProgram, startRedis } from '../../__test__/support/redis.mjs';
import { addonFile } from '../../scripts/platform.mjs';
import { prepare, prepareModules } from '../../scripts/prepare.mjs';
import { main, root, run } from '../../scripts/step.mjs';
import { commit, machine } from '../provenance.mjs';
import { keep, table } from '../results.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const CLOSE_MS = 500;
const bench = path.dirname(folder);

/** A process that has claimed the key and is inside of its fn. */
async function startOwner(library, url, key) {
  const child = fork(path.join(folder, 'owner.mjs'), [library, url, key]);
  dieWithUs(child.pid);
  const exited = new Promise((resolve) => child.once('exit', resolve)).then(() => hasEnded(child.pid));
  const said = (word) => new Promise((resolve) => child.on('message', (text) => text === word && resolve()));
  const ended = said('ended');
  await Promise.race([said('in'), exited.then(() => Promise.reject(new Error('the owner ended early')))]);
  return {
    freeze: () => child.kill('SIGSTOP'),
    async thawAndEnd() {
      child.kill('SIGCONT');
      child.send('go');
      await ended;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Some connect at their first call: a check that counts milliseconds begins after it. */
async function connected({ open }, url, name) {
  const library = await open(url);
  await library.once(`connected-${name}`, async () => 'yes');
  return library;
}

async function judge(check, name, library) {
  const redis = await startRedis({ listen: 'tcp' });
  const owners = [];
  try {
    const place = {
      redis,
      library: await connected(library, redis.url, 1),
      second: await connected(library, redis.url, 2),
      async startOwner(key) {
        owners.push(await startOwner(name, redis.url, key));
        return owners.at(-1);
      },
    };
    const { right, saw } = await check(place);
    const mark = right === undefined ? '–' : right ? '✓' : '✗';
    // A client whose server is gone may never close; it ends with this process.
    await Promise.race([Promise.allSettled([place.library.close(), place.second.close()]), pause(CLOSE_MS)]);
    return `${mark} ${saw}`;
  } finally {
    for (const owner of owners) await owner.kill();
    await redis.stop();
  }
}

function environment(libraries) {
  const versionOf = (name) =>
    JSON.parse(fs.readFileSync(path.join(bench, 'node_modules', name, 'package.json'), 'utf8')).version;
  const packages = Object.values(libraries).flatMap(({ package: name }) => name ?? []);
  const redis = /v=(\S+)/.exec(execFileSync(serverProgram(), ['--version'], { encoding: 'utf8' }))?.[1];
  return [
    `${machine()}; Node ${process.versions.node}, Redis ${redis}, NODE_ENV=production`,
    packages.map((name) => `${name} ${versionOf(name)}`).join(', '),
    commit('src', 'lib', 'bench'),
  ].map((line) => `- ${line}`);
}

await main(async () => {
  await prepare(['redis-server']);
  await prepareModules(bench);
  const built = ['dist/index.cjs', addonFile()].every((file) => fs.existsSync(path.join(root, file)));
  if (!built) await run('npm', ['run', 'build']);
  // In development actonce refuses a result it cannot record, so that somebody sees it. What counts here is production.
  process.env.NODE_ENV = 'production';
  const { LIBRARIES } = await import('./libraries.mjs');
  const { CHECKS } = await import('./checks.mjs');
  const rows = [];
  for (const [what, check] of Object.entries(CHECKS)) {
    console.error(what);
    const judged = Object.entries(LIBRARIES).map(([name, library]) => judge(check, name, library));
    rows.push([what, ...(await Promise.all(judged))]);
  }
  const text = ['# compare', '', ...environment(LIBRARIES), '', ...table(['', ...Object.keys(LIBRARIES)], rows, '---')];
  keep({ topic: 'compare', text: `${text.join('\n')}\n` });
  process.exit(process.exitCode);
});
