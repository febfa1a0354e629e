// J2: what a call tells, each event exactly once per call; H3: and never the key, the payload or the result.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createClient } from './support/actonce.mjs';

const SECRETS = { key: 'key-of-a-client', payload: 'a-payload', result: 'a-result', user: 'user-7' };
const scope = ['placeOrder', SECRETS.user];

function open(t, options = {}) {
  const client = createClient({ url: `memory:${randomUUID()}`, ...options });
  t.after(() => client.close({ graceMs: 0 }));
  const events = [];
  client.on((event) => events.push(event));
  const call = (fn = () => SECRETS.result, more = {}) =>
    client.withIdempotency(SECRETS.key, fn, { scope, payload: SECRETS.payload, ...more });
  /** The types since the last look. */
  const types = () => events.splice(0).map(({ type }) => type);
  return { client, call, events, types };
}

test('J2 a run tells claimed and completed, a replay replayed', async (t) => {
  const { client, call, events } = open(t);
  await call();
  await call();
  const { hash } = await client.inspect({ key: SECRETS.key, scope });
  const common = { hash, operation: 'placeOrder', attempt: 1 };
  assert.deepEqual(
    events.map(({ durationMs, fence, ...event }) => event),
    [
      { type: 'claimed', ...common },
      { type: 'completed', ...common, kind: 'value' },
      { type: 'replayed', ...common, kind: 'value', cached: false },
    ],
  );
  for (const { durationMs } of events) assert.ok(durationMs >= 0 && durationMs < 10_000);
  assert.ok(events[0].fence > 0);
});

test('J2 a failed run tells released or held, and a call on a held record indeterminate', async (t) => {
  const { call, types } = open(t);
  const fails = () => Promise.reject(new Error('no'));
  await assert.rejects(call(fails));
  assert.deepEqual(types(), ['claimed', 'released']);
  await assert.rejects(call(fails, { onError: 'hold' }));
  assert.deepEqual(types(), ['claimed', 'held']);
  await assert.rejects(call(), { code: 'ERR_INDETERMINATE' });
  assert.deepEqual(types(), ['indeterminate']);
});

test('J2 a recorded error and a redirect tell completed, with their kind', async (t) => {
  const { call, events } = open(t);
  await assert.rejects(call(() => Promise.reject(new Error('no')), { onError: 'record' }));
  await assert.rejects(call());
  const redirect = Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;push;/done;307;' });
  await assert.rejects(call(() => Promise.reject(redirect), { scope: 'other' }));
  const told = events.filter(({ kind }) => kind !== undefined).map(({ type, kind }) => `${type} ${kind}`);
  assert.deepEqual(told, ['completed error', 'replayed error', 'completed redirect']);
});

test('J2 refusals tell mismatch and in-progress, whoever joined tells joined', async (t) => {
  const { call, types } = open(t);
  let end;
  const owner = call(() => new Promise((resolve) => (end = resolve)));
  const joined = call();
  await assert.rejects(call(undefined, { payload: 'other' }), { code: 'ERR_KEY_REUSED' });
  await assert.rejects(call(undefined, { onDuplicate: 'reject' }), { code: 'ERR_IN_PROGRESS' });
  assert.deepEqual(types(), ['claimed', 'mismatch', 'in-progress']);
  end(SECRETS.result);
  assert.deepEqual([await owner, await joined], [SECRETS.result, SECRETS.result]);
  assert.deepEqual(types(), ['completed', 'joined']);
});

test('J2 a lost lease tells lease-lost and stale-write, its successor takeover', async (t) => {
  // An fn that waits for nothing leaves the process nothing to stay for.
  const stay = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(stay));
  const url = `memory:${randomUUID()}`;
  const first = open(t, { url });
  const second = open(t, { url });
  let end;
  const owner = first.call(() => new Promise((resolve) => (end = resolve)), { leaseMs: 100, maxLeaseMs: 100 });
  await assert.rejects(owner, { code: 'ERR_LEASE_LOST' });
  assert.deepEqual(first.types(), ['claimed', 'lease-lost']);
  assert.equal(await second.call((ctx) => ctx.recovered), true);
  const told = second.types();
  assert.deepEqual(
    told.filter((type) => type !== 'waited'),
    ['claimed', 'takeover', 'completed'],
  );
  end('late');
  await new Promise(setImmediate);
  assert.deepEqual(first.types(), ['stale-write']);
});

test('J2 a store that is away tells store-error, also where the call runs all the same', async (t) => {
  const { call, events } = open(t, { url: 'redis://127.0.0.1:1', totalTimeoutMs: 100 });
  await assert.rejects(call(), { code: 'ERR_STORE_UNAVAILABLE', retryable: true });
  assert.equal(await call((ctx) => ctx.protected, { onStoreUnavailable: 'run' }), false);
  assert.deepEqual(
    events.map(({ type, code }) => [type, code]),
    [
      ['store-error', 'ERR_STORE_UNAVAILABLE'],
      ['store-error', 'ERR_STORE_UNAVAILABLE'],
    ],
  );
});

test('J2 a value that is not kept tells completed and result-unrecorded, with the reason', async (t) => {
  const { call, events } = open(t);
  await call(() => 'x'.repeat(100), { maxResultBytes: 50 });
  assert.deepEqual(
    events.map(({ type, reason }) => [type, reason]),
    [
      ['claimed', undefined],
      ['completed', undefined],
      ['result-unrecorded', 'too-large'],
    ],
  );
});

test('H3 no event and no error holds the key, the payload, the result or the user', async (t) => {
  const { call, events } = open(t);
  const errors = [];
  const note = (error) => errors.push(error);
  await call();
  await call();
  await call(undefined, { payload: 'other' }).catch(note);
  await call(() => Promise.reject(new Error(SECRETS.result)), { scope: ['x', SECRETS.user] }).catch(() => {});
  await call(() => call(undefined, { scope: 'y' }), { scope: 'y' }).catch(note);
  const told = JSON.stringify([events, errors.map((error) => ({ ...error, message: error.message }))]);
  for (const secret of Object.values(SECRETS)) assert.equal(told.includes(secret), false, secret);
  assert.equal(errors.length, 2);
});

test('a listener that throws or rejects alters nothing, and is reported', async (t) => {
  const { client, call, types } = open(t);
  const warnings = [];
  const warn = (warning) => warnings.push(warning.message);
  process.on('warning', warn);
  t.after(() => process.off('warning', warn));
  client.on('claimed', () => {
    throw new Error('broken listener');
  });
  client.on('completed', () => Promise.reject(new Error('broken promise')));
  assert.equal(await call(), SECRETS.result);
  assert.deepEqual(types(), ['claimed', 'completed']);
  await new Promise(setImmediate);
  assert.deepEqual(warnings, [
    'an event listener threw: Error: broken listener',
    'an event listener threw: Error: broken promise',
  ]);
});

test('a subscription is for one type or for all, ends by itself, and must have a function', async (t) => {
  const { client, call } = open(t);
  const completed = [];
  const listener = (event) => completed.push(event.type);
  const end = client.on('completed', listener);
  client.on('completed', listener);
  await call();
  end();
  end();
  await call(undefined, { scope: 'other' });
  assert.deepEqual(completed, ['completed', 'completed', 'completed']);
  assert.throws(() => client.on('completed'), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => client.on(null), { code: 'ERR_INVALID_ARGUMENT' });
});

test('a closed client refuses, waits for what runs, and can be closed again', async (t) => {
  const { client, call } = open(t);
  let end;
  const running = call(() => new Promise((resolve) => (end = resolve)));
  const closing = client.close({ graceMs: 5_000 });
  await assert.rejects(call(), { code: 'ERR_CLOSED', retryable: false });
  await assert.rejects(client.inspect({ key: 'k' }), { code: 'ERR_CLOSED' });
  end(SECRETS.result);
  assert.equal(await running, SECRETS.result);
  await closing;
  await client.close();
  await client[Symbol.asyncDispose]();
});

test('a run that outlives close() keeps its value for its caller, and its signal aborts', async (t) => {
  const { client, call, events } = open(t);
  let end;
  let signal;
  const running = call((ctx) => {
    signal = ctx.signal;
    return new Promise((resolve) => (end = resolve));
  });
  await client.close({ graceMs: 0 });
  assert.equal(signal.aborted, true);
  end(SECRETS.result);
  assert.equal(await running, SECRETS.result);
  const told = events.map(({ type, reason, code }) => [type, reason ?? code].join(' ').trim());
  assert.deepEqual(told, ['claimed', 'lease-lost expired', 'store-error ERR_CLOSED', 'result-unrecorded store-error']);
});
