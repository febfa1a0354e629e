// Scenario H3: what a client sends is seen by nobody who reads logs, events, errors, the wire or Redis.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { startWorker } from '../support/worker.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const secrets = { key: 'hunter2-the-key', user: 'user-4711', card: '4242424242424242' };
/** An error as HTTP clients throw it: it carries the request that failed. */
const declined = () =>
  Object.assign(new Error(`the bank declined ${secrets.card}`), {
    request: { authorization: `Bearer ${secrets.key}` },
  });
const spoken = (text) => Object.values(secrets).filter((secret) => text.includes(secret));

onEachStore('H3 (RH10) key, user and payload are in no event and no error', async ({ client }) => {
  const [one, two] = [client(), client()];
  const told = [];
  for (const on of [one, two]) on.on((event) => told.push(event));
  const options = { scope: ['placeOrder', secrets.user], payload: { card: secrets.card } };
  const attempt = (on, fn, more) =>
    on.withIdempotency(secrets.key, fn, { ...options, ...more }).catch((error) => told.push(error));
  const fails = () => Promise.reject(new Error('declined'));
  await attempt(one, fails);
  await attempt(one, () => new Promise((resolve) => setTimeout(resolve, 50)));
  await attempt(two, fails);
  await attempt(two, fails, { payload: { card: 'another' } });
  await attempt(two, fails, { scope: ['placeOrder', secrets.user, ''] });
  await attempt(two, fails, { payload: { card: secrets.card, of: Symbol(secrets.card) } });
  await attempt(one, fails, { scope: ['held', secrets.user], onError: 'hold' });
  await attempt(one, fails, { scope: ['held', secrets.user] });
  const types = new Set(told.map((each) => each.type ?? each.code));
  const wanted = ['claimed', 'released', 'completed', 'mismatch', 'held', 'indeterminate', 'ERR_KEY_REUSED'];
  for (const type of [...wanted, 'ERR_INVALID_ARGUMENT', 'ERR_INDETERMINATE']) assert.ok(types.has(type), type);
  for (const each of told) assert.deepEqual(spoken(inspect(each, { depth: 9, showHidden: true })), [], inspect(each));
  assert.equal(told[0].operation, 'placeOrder');
});

onEachSharedStore('H3 (RH10) key, user and payload are not on the wire, in Redis or on the console', async (world) => {
  const { t, redis, options, ledger } = world;
  const monitor = await startMonitor(redis);
  t.after(() => monitor.stop());
  const worker = await startWorker({ client: options, ledger });
  t.after(() => worker.kill());
  const call = (more = {}) => {
    const scope = ['placeOrder', secrets.user];
    const given = { scope, payload: { card: secrets.card }, ...more };
    return worker.call({ key: secrets.key, options: given, steps: [{ return: 'paid' }] }).result;
  };
  assert.equal((await call()).value, 'paid');
  assert.equal((await call({ payload: 'other' })).error.code, 'ERR_KEY_REUSED');
  assert.equal((await call({ scope: undefined, onDuplicate: 'reject' })).value, 'paid');
  const commands = await monitor.commands();
  assert.ok(commands.length >= 4);
  assert.deepEqual(spoken(JSON.stringify(commands)), []);
  assert.deepEqual(spoken(worker.output), []);
  assert.match(worker.output, /without a scope/);
});

/** Every string under a prefix as the servers hold it, with the time it has left. */
async function everythingKept(servers, prefix) {
  const kept = [];
  for (const server of servers) {
    for (const name of await server.send('KEYS', `${prefix}:*`)) {
      kept.push({ name, text: await server.send('GET', name), leftMs: await server.send('PTTL', name) });
    }
  }
  return kept;
}

for (const [policy, state] of [
  ['release', 'R'],
  ['hold', 'I'],
]) {
  onEachSharedStore(
    `what fn threw is not in Redis when nobody waits: ${policy}`,
    async ({ client, options, servers }) => {
      const one = client();
      const fails = () => Promise.reject(declined());
      await assert.rejects(one.withIdempotency('k', fails, { onError: policy }), /declined/);
      const kept = await everythingKept(servers, options.prefix);
      assert.deepEqual(
        kept.map(({ text }) => text[1]),
        [state],
      );
      assert.deepEqual(spoken(JSON.stringify(kept)), []);
    },
  );
}

for (const waitTimeoutMs of [undefined, 30_000]) {
  const limit = waitTimeoutMs ?? 10_000;
  onEachSharedStore(`what fn threw is in Redis for those who wait, ${limit} ms and no longer`, async (world) => {
    const { client, options, servers } = world;
    const [owner, rival] = [client(), client()];
    const [inside, decided] = [gate(), gate()];
    const run = async () => {
      inside.resolve();
      await decided.promise;
      throw declined();
    };
    const more = waitTimeoutMs === undefined ? {} : { waitTimeoutMs };
    const ran = owner.withIdempotency('k', run, more);
    await inside.promise;
    const waited = rival.withIdempotency('k', () => 'ran again', more);
    const isWaitedFor = async () => (await everythingKept(servers, options.prefix))[0]?.text[56] === '1';
    await eventually(isWaitedFor, { what: 'the mark of who waits' });
    decided.resolve();
    for (const call of [ran, waited]) {
      const error = await call.catch((caught) => caught);
      assert.deepEqual([error.message, error.request], [declined().message, declined().request]);
    }
    const kept = await everythingKept(servers, options.prefix);
    const telling = kept.filter(({ text }) => spoken(text).length > 0);
    assert.equal(telling.length, 1, JSON.stringify(kept));
    assert.ok(telling[0].leftMs > limit - 5_000 && telling[0].leftMs <= limit, `${telling[0].leftMs} ms`);
    // A caller who did not wait for that run runs.
    assert.equal(await client().withIdempotency('k', () => 'ran again'), 'ran again');
  });
}
