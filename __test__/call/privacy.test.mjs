// Scenario H3: what a client sends is seen by nobody who reads logs, events, errors, the wire or Redis.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { startWorker } from '../support/worker.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const secrets = { key: 'hunter2-the-key', user: 'user-4711', card: '4242424242424242' };
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
