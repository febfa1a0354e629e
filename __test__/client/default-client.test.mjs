// The client behind the imported functions: what the environment makes of it, each case in a process of its own.
import '../support/unhandled.mjs';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGE = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url));
const run = promisify(execFile);

/** Runs `body` with the package as `actonce`, and only these variables; what it logs comes back as lines. */
async function inProcess(env, body) {
  const source = `(async () => { const actonce = require(${JSON.stringify(PACKAGE)}); ${body} })()`;
  const { stdout, stderr } = await run(process.execPath, ['-e', source], { env: { PATH: process.env.PATH, ...env } });
  return { lines: stdout.split('\n').filter(Boolean), said: stderr.split('\n').filter(Boolean) };
}

const CALL_TWICE = `
  const call = (key) => actonce.withIdempotency(key, (ctx) => ctx.protected, { scope: 's' });
  const tell = (promise) => promise.then((value) => console.log(value), (error) => console.log(error.code, error.message));
  await tell(call('one'));
  await tell(call('two'));`;

test('outside production, with neither variable, the embedded store is used and said once on stderr', async () => {
  for (const NODE_ENV of ['development', 'test', '']) {
    const { lines, said } = await inProcess({ NODE_ENV }, CALL_TWICE);
    assert.deepEqual(lines, ['true', 'true']);
    assert.equal(said.length, 1);
    assert.match(said[0], /^actonce: neither ACTONCE_URL nor REDIS_URL is set, so actonce uses the embedded store/);
  }
});

test('in production, with neither variable, every first use is a clear error', async () => {
  const { lines, said } = await inProcess({ NODE_ENV: 'production' }, CALL_TWICE);
  for (const line of lines) assert.match(line, /^ERR_INVALID_ARGUMENT .*set ACTONCE_URL or REDIS_URL/);
  assert.equal(lines.length, 2);
  assert.deepEqual(said, []);
});

test('importing reads no environment, says nothing and keeps no process alive', async () => {
  const env = { NODE_ENV: 'production', ACTONCE_URL: 'nonsense' };
  const { lines, said } = await inProcess(
    env,
    `console.log(typeof actonce.withIdempotency, typeof actonce.on(() => {}))`,
  );
  assert.deepEqual([lines, said], [['function function'], []]);
});

test('while Next builds there is no error, in production and with neither variable', async () => {
  const env = { NODE_ENV: 'production', NEXT_PHASE: 'phase-production-build' };
  const { lines, said } = await inProcess(env, CALL_TWICE);
  assert.deepEqual([lines, said], [['true', 'true'], []]);
});

test('ACTONCE_URL comes before REDIS_URL, and memory: in production is warned about once', async () => {
  const env = { NODE_ENV: 'production', ACTONCE_URL: 'memory:', REDIS_URL: 'redis://127.0.0.1:1' };
  const { lines, said } = await inProcess(env, CALL_TWICE);
  assert.deepEqual(lines, ['true', 'true']);
  assert.equal(said.length, 1);
  assert.match(said[0], /memory: in production/);
  const other = await inProcess({ NODE_ENV: 'production', REDIS_URL: 'http://127.0.0.1:1' }, CALL_TWICE);
  assert.match(other.lines[0], /^ERR_INVALID_ARGUMENT/);
});

test('ACTONCE_SECRET keys the names of records, and one the option would not take is refused', async () => {
  const body = `
    actonce.on((event) => console.log(event.type, event.hash));
    await actonce.withIdempotency('k', () => 1, { scope: 's' }).catch(({ code, message }) => console.log(code, message));`;
  const told = async (secret) => (await inProcess({ ACTONCE_URL: 'memory:', ACTONCE_SECRET: secret }, body)).lines;
  const [plain, keyed] = [await told(''), await told('0123456789abcdef')];
  for (const lines of [plain, keyed]) assert.match(lines[0], /^claimed [\w-]{22}$/);
  assert.notEqual(plain[0], keyed[0]);
  const [refused] = await told('0123456789abcde');
  assert.match(refused, /^ERR_INVALID_ARGUMENT .*ACTONCE_SECRET must be .* at least 16/);
});

test('E5 in production a value that cannot be written reaches its caller all the same', async () => {
  const body = `
    const call = () => actonce.withIdempotency('k', () => ({ print: () => 1 }), { scope: 's' });
    console.log(typeof (await call()).print);
    await call().catch(({ code }) => console.log(code));`;
  const inMode = async (NODE_ENV) => (await inProcess({ NODE_ENV, ACTONCE_URL: 'memory:' }, body)).lines;
  assert.deepEqual(await inMode('production'), ['function', 'ERR_RESULT_UNAVAILABLE']);
});

test('A14 ACTONCE_DISABLED=1 runs everything unprotected, needs no store, and is announced once', async () => {
  const { lines, said } = await inProcess({ NODE_ENV: 'production', ACTONCE_DISABLED: '1' }, CALL_TWICE);
  assert.deepEqual(lines, ['false', 'false']);
  assert.equal(said.length, 1);
  assert.match(said[0], /ACTONCE_DISABLED=1/);
});

test('ACTONCE_DISABLED=1 needs no addon: functions run, and a provider gets the key that it would get with it', async () => {
  const body = `
    let runs = 0;
    const call = () => actonce.withIdempotency('k', (ctx) => [++runs, ctx.deriveKey('charge')].join(' '), { scope: 'ü' });
    console.log(await call());
    console.log(await call());
    await actonce.inspect({ key: 'k' }).then(console.log, ({ code }) => console.log(code));
    await actonce.close();`;
  const withAddon = await inProcess({ ACTONCE_DISABLED: '1' }, body);
  const without = await inProcess({ ACTONCE_DISABLED: '1', NODE_OPTIONS: '--no-addons' }, body);
  const [one, two, inspected] = without.lines;
  assert.match(one, /^1 [0-9a-f-]{36}$/);
  assert.equal(two, one.replace('1', '2'));
  assert.deepEqual([one, two], withAddon.lines.slice(0, 2));
  assert.equal(inspected, 'ERR_UNSUPPORTED_PLATFORM');
  assert.equal(without.said.length, 1);
  const enabled = await inProcess({ NODE_OPTIONS: '--no-addons' }, CALL_TWICE);
  for (const line of enabled.lines) assert.match(line, /^ERR_UNSUPPORTED_PLATFORM .*--no-addons/);
});

test('a call without a scope works, and in development says once why one is wanted', async () => {
  const body = `for (const key of ['a', 'b']) console.log(await actonce.withIdempotency(key, () => key));`;
  const development = await inProcess({ ACTONCE_URL: 'memory:' }, body);
  assert.deepEqual(development.lines, ['a', 'b']);
  assert.equal(development.said.length, 1);
  assert.match(development.said[0], /without a scope/);
  const production = await inProcess({ ACTONCE_URL: 'memory:', NODE_ENV: 'production' }, body);
  assert.equal(production.said.filter((line) => /scope/.test(line)).length, 0);
});

test('RA17 copies of the module share the default client, its listeners and the context', async () => {
  const body = `
    const copyOf = () => {
      // Every file of ours, the addon's loader included.
      for (const file of Object.keys(require.cache)) if (file.endsWith('.cjs')) delete require.cache[file];
      return require(${JSON.stringify(PACKAGE)});
    };
    const other = copyOf();
    console.log(other.withIdempotency === actonce.withIdempotency);
    const seen = [];
    other.on((event) => seen.push(event.type));
    const nested = await actonce.withIdempotency('k', (ctx) => {
      const same = other.currentIdempotency() === ctx;
      return other.withIdempotency('k', () => 1, { scope: 's' }).catch((error) => same + ' ' + error.code);
    }, { scope: 's' });
    console.log(nested);
    console.log(await other.withIdempotency('k', () => 'ran', { scope: 's' }) === nested, seen.join());
    await other.close();
    console.log(await actonce.withIdempotency('after', () => 'a new client', { scope: 's' }));`;
  const { lines } = await inProcess({ ACTONCE_URL: 'memory:' }, body);
  assert.deepEqual(lines, ['false', 'true ERR_REENTRANT', 'true claimed,completed,replayed', 'a new client']);
});

test('the ESM form is the CommonJS form: every name, the same functions', async () => {
  const esm = await import('../../dist/index.mjs');
  const { createRequire } = await import('node:module');
  const cjs = createRequire(import.meta.url)(PACKAGE);
  assert.deepEqual(Object.keys(esm).toSorted(), Object.keys(cjs).toSorted());
  for (const [name, value] of Object.entries(esm)) assert.equal(value, cjs[name]);
});
