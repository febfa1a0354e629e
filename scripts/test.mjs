// `npm test`: everything from a fresh clone to the last test. `npm run test:long` is the same with the suites' long forms.
import fs from 'node:fs';
import path from 'node:path';
import { buildNative } from './build-native.mjs';
import { check } from './check.mjs';
import { prepare, prepareIfPossible } from './prepare.mjs';
import { attempt, exitCode, main, root, run, section } from './step.mjs';

const MINUTE_MS = 60_000;
const long = process.argv.includes('--long') || process.env.ACTONCE_LONG === '1';
const env = long ? { ...process.env, ACTONCE_LONG: '1' } : process.env;

function nodeTests() {
  const folder = path.join(root, '__test__');
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.test.mjs'));
  if (files.length === 0) throw new Error('there is no test under __test__/');
  return files.sort().map((name) => path.join('__test__', name));
}

/** These look at the one server, by helpers of their own. */
const NOT_FOR_A_CLUSTER = ['bypass', 'every-event', 'versions'];

/** The files that say what every store does. */
function conformance() {
  const isOne = (file) =>
    !NOT_FOR_A_CLUSTER.includes(path.basename(file, '.test.mjs')) &&
    fs.readFileSync(path.join(root, file), 'utf8').includes('conformance(createClient)');
  return nodeTests().filter(isOne);
}

await main(async () => {
  await section('prepare', async () => {
    await prepare(['redis-server', 'chromium', 'openssl']);
    await prepareIfPossible(['valgrind']);
  });
  await section('build: native', buildNative);
  await section('build: TypeScript', () => run(process.execPath, ['scripts/build-ts.mjs']));
  const checked = await attempt('check', check);
  const rust = await attempt('Rust tests', () => run('cargo', ['test', '--locked', '--no-default-features'], { env }));
  const failed = [!checked && 'check', !rust && 'Rust tests'].filter(Boolean);
  if (failed.length > 0)
    console.error(`\nThis run has failed already (${failed.join(', ')}). The Node tests still run.`);

  // Nothing is printed after this: the runner's own closing lines are the last ones.
  console.log(`\n── Node tests${long ? ', long form' : ''}`);
  const limitMs = (long ? 60 : 20) * MINUTE_MS;
  const options = ['--test', '--test-concurrency=2', '--test-reporter=spec', `--test-timeout=${limitMs}`];
  if (long) {
    const cluster = { ...env, ACTONCE_TEST_CLUSTER: '1' };
    const onCluster = await attempt('behaviour on a cluster', () =>
      run(process.execPath, [...options, ...conformance()], { env: cluster }),
    );
    if (!onCluster) failed.push('behaviour on a cluster');
  }
  const code = await exitCode(process.execPath, [...options, ...nodeTests()], { env });
  process.exitCode = failed.length > 0 ? 1 : code;
});
