// A library in the app puts an enumerable method on Object.prototype. actonce takes it neither for an option nor for a
// field of a value.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { formOf, next } from '../support/next.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { startRedis } from '../support/redis.mjs';

const require = createRequire(import.meta.url);
const { createTestClient } = require('../../dist/testing.cjs');
const { defineStateMachine } = require('../../dist/index.cjs');

describe('with an enumerable method on Object.prototype', () => {
  let redis;
  before(async () => {
    redis = await startRedis();
    Object.prototype.extend = function extend() {
      return this;
    };
  });
  after(async () => {
    delete Object.prototype.extend;
    await redis.stop();
  });
  const client = (t, options) => {
    const made = createClient({ url: redis.url, prefix: `p${Math.random()}`, cache: false, ...options });
    t.after(() => made.close({ graceMs: 0 }));
    return made;
  };

  it('clients are made, with options of every kind', (t) => {
    const key = { id: 'k', key: 'ab'.repeat(32) };
    client(t, {
      defaults: { leaseMs: 5_000 },
      cache: { maxEntries: 10 },
      durability: { replicas: 1, timeoutMs: 100 },
      encryption: { keys: [key] },
      compression: { minBytes: 100, beforeEncryption: true },
    });
    client(t, { url: 'rediss://localhost', tls: { servername: 'x' } });
    createTestClient({ defaults: { leaseMs: 5_000 } });
  });

  it('a misspelt option is refused all the same', (t) => {
    assert.throws(() => client(t, { extend: 1 }), { message: /option extend is not known/ });
    assert.throws(() => client(t, { leaseMS: 1 }), { message: /option leaseMS is not known/ });
  });

  it('an option that an object has from its prototype is one', async (t) => {
    const options = Object.create({ scope: 's', leaseMs: 'long' });
    const refused = client(t).withIdempotency('k', () => 1, options);
    await assert.rejects(refused, { code: 'ERR_INVALID_ARGUMENT', message: /leaseMs/ });
  });

  it('calls run once, and their results are kept as they are', async (t) => {
    const one = client(t);
    const value = { id: 'o-1', items: [{ n: 1 }], at: null };
    const call = () => one.withIdempotency('k', () => value, { scope: ['buy', 'u1'], payload: { a: { b: 1 } } });
    assert.deepEqual(await call(), value);
    const again = await call();
    assert.deepEqual(Object.entries(again), Object.entries(value));
    const [name] = await redis.send('KEYS', '*');
    assert.match(await redis.send('GET', name), /\{"id":"o-1","items":\[\{"n":1\}\],"at":null\}$/, 'plain JSON');
    const other = one.withIdempotency('k', () => value, { scope: ['buy', 'u1'], payload: { a: { b: 2 } } });
    await assert.rejects(other, { code: 'ERR_KEY_REUSED' });
    assert.equal((await one.inspect({ key: 'k', scope: ['buy', 'u1'] })).state, 'completed');
    assert.equal(await one.reset({ key: 'k', scope: ['buy', 'u1'] }, { force: true }), 'reset');
  });

  it('errors that are recorded come back as they were', async (t) => {
    const one = client(t, { defaults: { onError: 'record' } });
    const call = () => one.withIdempotency('k', () => Promise.reject(Object.assign(new Error('no'), { code: 'card' })));
    await assert.rejects(call(), { message: 'no' });
    const error = await call().catch((caught) => caught);
    assert.deepEqual([error.message, error.code, Object.hasOwn(error, 'extend')], ['no', 'card', false]);
  });

  it('machines, actions and routes', async (t) => {
    const one = client(t);
    const machine = defineStateMachine(paymentConfig, { client: one, historyLimit: 5 });
    assert.equal((await machine.send('o-1', 'PROCESS', { create: true, data: { a: 1 } })).state, 'processing');
    assert.equal((await machine.waitFor('o-1', 'processing', { timeoutMs: 100 })).state, 'processing');
    const action = next.idempotentAction({ name: 'buy', client: one, scope: () => 'u1' }, (form) => form.get('bags'));
    const form = formOf({ 'idempotency-key': 'k', bags: '2' });
    assert.deepEqual([await action(form), await action(form)], ['2', '2']);
    const route = next.idempotentRoute({ name: 'r', client: one, scope: () => 'u1' }, () =>
      Response.json({ ok: true }),
    );
    const request = () =>
      new Request('http://localhost/x', { method: 'POST', headers: { 'idempotency-key': 'k' }, body: '{}' });
    assert.deepEqual(await (await route(request())).json(), { ok: true });
    assert.deepEqual(await (await route(request())).json(), { ok: true });
  });
});
