// `npm test`: everything from a fresh clone to the last test. `npm run test:long` is the same with the suites' long forms.
// `npm test -- lease machine`: the build, then the Node tests of these rooms (folders of __test__/) or files alone.
import { buildNative } from './build-native.mjs';
import { check } from './check.mjs';
import { prepare, prepareIfPossible } from './prepare.mjs';
import { attempt, exitCode, main, run, section } from './step.mjs';
import { conformanceFiles, testFiles } from './test-files.mjs';

const MINUTE_MS = 60_000;
const long = process.argv.includes('--long') || process.env.ACTONCE_LONG === '1';
const rooms = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const env = long ? { ...process.env, ACTONCE_LONG: '1' } : process.env;

/** @returns the names of what failed */
async function checkAndRust() {
  const checked = await attempt('check', check);
  const rust = await attempt('Rust tests', () => run('cargo', ['test', '--locked', '--no-default-features'], { env }));
  const failed = [!checked && 'check', !rust && 'Rust tests'].filter(Boolean);
  if (failed.length > 0)
    console.error(`\nThis run has failed already (${failed.join(', ')}). The Node tests still run.`);
  return failed;
}

await main(async () => {
  const files = testFiles(rooms);
  await section('prepare', async () => {
    await prepare(['redis-server', 'chromium', 'openssl']);
    await prepareIfPossible(['valgrind']);
  });
  await section('build: native', buildNative);
  await section('build: TypeScript', () => run(process.execPath, ['scripts/build-ts.mjs']));
  const failed = rooms.length > 0 ? [] : await checkAndRust();

  // Nothing is printed after this: the runner's own closing lines are the last ones.
  console.log(`\n── Node tests${long ? ', long form' : ''}`);
  const limitMs = (long ? 60 : 20) * MINUTE_MS;
  const options = ['--test', '--test-concurrency=2', '--test-reporter=spec', `--test-timeout=${limitMs}`];
  if (long && rooms.length === 0) {
    const cluster = { ...env, ACTONCE_TEST_CLUSTER: '1' };
    const onCluster = await attempt('behaviour on a cluster', () =>
      run(process.execPath, [...options, ...conformanceFiles()], { env: cluster }),
    );
    if (!onCluster) failed.push('behaviour on a cluster');
  }
  const code = await exitCode(process.execPath, [...options, ...files], { env });
  process.exitCode = failed.length > 0 ? 1 : code;
});
