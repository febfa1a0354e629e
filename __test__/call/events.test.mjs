// The fields of an event, what a listener may do, and what close() tells; every-event.test.mjs has every way a call can go.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { eventually } from '../support/eventually.mjs';

const scope = ['placeOrder', 'user-7'];

function open(t, options = {}) {
  const client = createClient({ url: `memory:${randomUUID()}`, ...options });
  t.after(() => client.close({ graceMs: 0 }));
  const events = [];
  client.on((event) => events.push(event));
  const call = (fn = () => 'paid', more = {}) => client.withIdempotency('k', fn, { scope, ...more });
  return { client, call, events };
}

test('J2 an event names the record by its hash, its operation, its attempt and how long the call took', async (t) => {
  const { client, call, events } = open(t);
  await call();
  await call();
  const { hash } = await client.inspect({ key: 'k', scope });
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

test('a listener that throws or rejects alters nothing, and is reported', async (t) => {
  const { client, call, events } = open(t);
  const warnings = [];
  const warn = (warning) => warnings.push(warning.message);
  process.on('warning', warn);
  t.after(() => process.off('warning', warn));
  client.on('claimed', () => {
    throw new Error('broken listener');
  });
  client.on('completed', () => Promise.reject(new Error('broken promise')));
  assert.equal(await call(), 'paid');
  assert.deepEqual(
    events.map(({ type }) => type),
    ['claimed', 'completed'],
  );
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

test('a listener that is added by a listener hears the next event, not this one', async (t) => {
  const { client, call } = open(t);
  const late = [];
  const stop = client.on(() => client.on(({ type }) => late.length < 10 && late.push(type)));
  await call();
  stop();
  assert.deepEqual(late, ['completed']);
});

test('a signal that is first asked for after the lease was lost has aborted', async (t) => {
  const { call } = open(t);
  const alive = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(alive));
  let asked;
  let goOn;
  const lost = new Promise((resolve) => {
    goOn = resolve;
  });
  const fn = async (ctx) => {
    await lost;
    asked = ctx.signal;
  };
  await assert.rejects(call(fn, { leaseMs: 100, maxLeaseMs: 100 }), { code: 'ERR_LEASE_LOST', reason: 'max-lease' });
  goOn();
  await eventually(() => asked !== undefined);
  assert.equal(asked.aborted, true);
  assert.equal(asked.reason.code, 'ERR_LEASE_LOST');
});

test('a closed client refuses, waits for what runs, and can be closed again', async (t) => {
  const { client, call } = open(t);
  let end;
  const running = call(() => new Promise((resolve) => (end = resolve)));
  const closing = client.close({ graceMs: 5_000 });
  await assert.rejects(call(), { code: 'ERR_CLOSED', retryable: false });
  await assert.rejects(client.inspect({ key: 'k' }), { code: 'ERR_CLOSED' });
  end('paid');
  assert.equal(await running, 'paid');
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
  end('paid');
  assert.equal(await running, 'paid');
  const told = events.map(({ type, reason, code }) => [type, reason ?? code].join(' ').trim());
  assert.deepEqual(told, ['claimed', 'lease-lost expired', 'store-error ERR_CLOSED', 'result-unrecorded store-error']);
});
