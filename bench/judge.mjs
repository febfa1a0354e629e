// Runs checks of what a library must do, each against every library on a Redis of its own, and keeps the table.
import { execFileSync, fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { startProxy } from '../__test__/support/proxy.mjs';
import { dieWithUs, hasEnded } from '../__test__/support/reaper.mjs';
import { serverProgram, startRedis } from '../__test__/support/redis.mjs';
import { addonFile } from '../scripts/platform.mjs';
import { prepare, prepareModules } from '../scripts/prepare.mjs';
import { root, run } from '../scripts/step.mjs';
import { commit, machine } from './provenance.mjs';
import { keep, table } from './results.mjs';

const bench = path.dirname(fileURLToPath(import.meta.url));
const CLOSE_MS = 500;
const PATIENCE_MS = 10_000;

/** How a call ended, in words; a call that does not end is an answer, too. */
export async function told(call) {
  const late = pause(PATIENCE_MS, { text: `no answer in ${PATIENCE_MS / 1000} s` }, { ref: false });
  const ended = call.then(
    (value) => ({
      value,
      text: `gets ${typeof value === 'string' ? value : inspect(value, { breakLength: Number.POSITIVE_INFINITY })}`,
    }),
    (error) => ({ error, text: `is told ${error?.code ?? (error?.name === 'Error' ? error.message : error?.name)}` }),
  );
  return await Promise.race([ended, late]);
}

/** An fn that counts its runs. */
export function counted(fn) {
  const run = async () => {
    run.count += 1;
    return await fn(run.count);
  };
  run.count = 0;
  return run;
}

export const runs = ({ count }) => `${count} ${count === 1 ? 'run' : 'runs'}`;

/** A process that has claimed the key and is inside of its fn. */
async function startOwner(library, url, key) {
  const child = fork(path.join(bench, 'judge-owner.mjs'), [library, url, key]);
  dieWithUs(child.pid);
  const exited = new Promise((resolve) => child.once('exit', resolve)).then(() => hasEnded(child.pid));
  const said = (word) => new Promise((resolve) => child.on('message', (text) => text === word && resolve()));
  const ended = said('ended');
  await Promise.race([said('in'), exited.then(() => Promise.reject(new Error('the owner ended early')))]);
  return {
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    /** `go`, `throw`, or so many milliseconds in which its thread does nothing else. */
    tell: (what) => child.send(what),
    ended,
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
  const proxy = await startProxy({ to: redis.target });
  const owners = [];
  try {
    const place = {
      redis,
      proxy,
      library: await connected(library, proxy.url, 1),
      second: await connected(library, redis.url, 2),
      open: (count) => connected(library, redis.url, count),
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
    await proxy.close();
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

/** @param checks a promise of them: what they import may have to be installed first */
export async function judgeAll({ topic, checks }) {
  await prepare(['redis-server']);
  await prepareModules(bench);
  const built = ['dist/index.cjs', addonFile()].every((file) => fs.existsSync(path.join(root, file)));
  if (!built) await run('npm', ['run', 'build']);
  // In development actonce refuses a result it cannot record, so that somebody sees it. What counts here is production.
  process.env.NODE_ENV = 'production';
  const { LIBRARIES } = await import('./judged-libraries.mjs');
  const rows = [];
  for (const [what, check] of Object.entries(await checks())) {
    console.error(what);
    const judged = Object.entries(LIBRARIES).map(([name, library]) => judge(check, name, library));
    rows.push([what, ...(await Promise.all(judged))]);
  }
  const text = [
    `# ${topic}`,
    '',
    ...environment(LIBRARIES),
    '',
    ...table(['', ...Object.keys(LIBRARIES)], rows, '---'),
  ];
  keep({ topic, text: `${text.join('\n')}\n` });
  process.exit(process.exitCode);
}
