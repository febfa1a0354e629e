// Duplicates in one process: one claim and one run however many callers, and each caller stays its own.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../support/actonce.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { stores } from '../support/stores.mjs';

const scope = ['joined', 'user-1'];

function onEachStore(title, body) {
  for (const store of stores) {
    test(`${title} [${store.name}]`, async (t) => {
      const { options } = await store.open();
      const client = createClient(options);
      t.after(() => client.close({ graceMs: 0 }));
      const events = [];
      client.on((event) => events.push(event));
      await body({ t, client, events, options });
    });
  }
}

const count = (events, type) => events.filter((event) => event.type === type).length;

onEachStore('I6 a hundred callers of one turn make one claim, and each gets a copy of its own', async (world) => {
  const { client, events } = world;
  let runs = 0;
  const fn = async () => {
    runs++;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { items: [1] };
  };
  const calls = Array.from({ length: 100 }, () => client.withIdempotency.outcome('i6', fn, { scope }));
  const outcomes = await Promise.all(calls);
  assert.equal(runs, 1);
  assert.equal(outcomes.filter(({ status }) => status === 'executed').length, 1);
  assert.equal(outcomes.filter(({ status }) => status === 'joined').length, 99);
  assert.equal(new Set(outcomes.map(({ value }) => value)).size, 100);
  for (const { value } of outcomes) assert.deepEqual(value, { items: [1] });
  assert.deepEqual([count(events, 'claimed'), count(events, 'joined'), count(events, 'completed')], [1, 99, 1]);
});

onEachStore('I3 whoever joined a run that fails gets the same thrown value; a later call runs', async ({ client }) => {
  const boom = new Error('boom');
  let runs = 0;
  const fn = async () => {
    runs++;
    await null;
    throw boom;
  };
  const results = await Promise.allSettled([1, 2, 3].map(() => client.withIdempotency('i3', fn, { scope })));
  for (const { reason } of results) assert.equal(reason, boom);
  assert.equal(runs, 1);
  assert.equal(await client.withIdempotency('i3', (ctx) => ctx.attempt, { scope }), 2);
});

onEachStore('F1 a redirect reaches whoever joined with the same digest', async ({ client }) => {
  const redirect = Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;push;/done;307;' });
  const fn = async () => {
    await null;
    throw redirect;
  };
  const results = await Promise.allSettled([1, 2].map(() => client.withIdempotency('f1', fn, { scope })));
  assert.equal(results[0].reason, redirect);
  assert.equal(results[1].reason.digest, redirect.digest);
});

onEachStore(
  'F3 control flow of Next that is no outcome is rethrown, and whoever joined runs for itself',
  async (world) => {
    const { client } = world;
    const bailout = Object.assign(new Error('dynamic'), { digest: 'DYNAMIC_SERVER_USAGE' });
    const first = client.withIdempotency('f3', () => Promise.reject(bailout), { scope });
    const second = client.withIdempotency('f3', (ctx) => ctx.attempt, { scope });
    await assert.rejects(first, (error) => error === bailout);
    assert.equal(await second, 2);
  },
);

onEachStore("B6, B7 each caller's payload and onDuplicate are its own", async ({ client, events }) => {
  const { promise, resolve } = gate();
  const owner = client.withIdempotency('own', () => promise, { scope, payload: { a: 1 } });
  await eventually(() => count(events, 'claimed') === 1);
  const call = (options) => client.withIdempotency('own', () => 'ran', { scope, ...options });
  await assert.rejects(call({ payload: { a: 2 } }), { code: 'ERR_KEY_REUSED' });
  await assert.rejects(call({ payload: { a: 2 }, onDuplicate: 'reject' }), { code: 'ERR_KEY_REUSED' });
  await assert.rejects(call({ payload: { a: 1 }, onDuplicate: 'reject' }), (error) => {
    assert.equal(error.code, 'ERR_IN_PROGRESS');
    assert.ok(error.retryAfterMs > 20_000 && error.retryAfterMs <= 30_000, 'about what is left of the lease');
    assert.equal(error.digest, `ACTONCE;ERR_IN_PROGRESS;${error.retryAfterMs};${error.hash}`);
    return true;
  });
  const joined = [call({ payload: { a: 1 } }), call({})];
  resolve('owner');
  assert.deepEqual(await Promise.all([owner, ...joined]), ['owner', 'owner', 'owner']);
  await assert.rejects(call({ payload: { a: 2 } }), { code: 'ERR_KEY_REUSED' });
});

onEachStore('B5 callers of one turn with two payloads: one runs, the other is refused', async ({ client }) => {
  const fn = (value) => async () => {
    await null;
    return value;
  };
  const results = await Promise.allSettled([
    client.withIdempotency('b5', fn('one'), { scope, payload: 1 }),
    client.withIdempotency('b5', fn('two'), { scope, payload: 2 }),
    client.withIdempotency('b5', fn('three'), { scope, payload: 1 }),
  ]);
  assert.deepEqual([results[0].value, results[1].reason?.code, results[2].value], ['one', 'ERR_KEY_REUSED', 'one']);
});

onEachStore('C7 a caller that joined leaves alone when its own time is over', async ({ client, events }) => {
  const { promise, resolve } = gate();
  const owner = client.withIdempotency('c7', () => promise, { scope });
  const patient = client.withIdempotency('c7', () => 'ran', { scope });
  const started = performance.now();
  const hasty = client.withIdempotency('c7', () => 'ran', { scope, waitTimeoutMs: 100 });
  await assert.rejects(hasty, { code: 'ERR_IN_PROGRESS' });
  const waitedMs = performance.now() - started;
  assert.ok(waitedMs >= 95 && waitedMs < 1_500, `it waited ${waitedMs} ms`);
  resolve('value');
  assert.deepEqual(await Promise.all([owner, patient]), ['value', 'value']);
  assert.equal(count(events, 'in-progress'), 1);
});

onEachStore(
  "a caller's signal ends its waiting with its reason, and never a started fn",
  async ({ client, events }) => {
    const { promise, resolve } = gate();
    const ownersController = new AbortController();
    let seen;
    const fn = async (ctx) => {
      seen = ctx.signal;
      return await promise;
    };
    const owner = client.withIdempotency('signal', fn, { scope, signal: ownersController.signal });
    await eventually(() => count(events, 'claimed') === 1);
    const controller = new AbortController();
    const joined = client.withIdempotency('signal', fn, { scope, signal: controller.signal });
    const reason = new Error('user left');
    controller.abort(reason);
    ownersController.abort(reason);
    await assert.rejects(joined, (error) => error === reason);
    await assert.rejects(
      client.withIdempotency('other', fn, { scope, signal: controller.signal }),
      (error) => error === reason,
    );
    assert.equal(await client.inspect({ key: 'other', scope }), undefined);
    resolve('value');
    assert.equal(await owner, 'value');
    assert.equal(seen.aborted, false);
    const unused = new AbortController();
    await client.withIdempotency('listening', fn, { scope, signal: unused.signal });
    for (const { signal } of [ownersController, controller, unused]) {
      assert.deepEqual(getEventListeners(signal, 'abort'), [], 'no listener is left on a signal of the caller');
    }
  },
);

onEachStore('C7 the time a caller waits goes on when what it waits for runs anew', async ({ client }) => {
  const { promise, resolve } = gate();
  const bailout = Object.assign(new Error('no static page'), { digest: 'DYNAMIC_SERVER_USAGE' });
  const first = client.withIdempotency('anew', () => pause(600).then(() => Promise.reject(bailout)), { scope });
  const second = client.withIdempotency('anew', () => promise, { scope });
  const startedAt = performance.now();
  const third = client.withIdempotency('anew', () => promise, { scope, waitTimeoutMs: 1_000 });
  await assert.rejects(first, (error) => error === bailout);
  await assert.rejects(third, { code: 'ERR_IN_PROGRESS' });
  const waited = performance.now() - startedAt;
  assert.ok(waited > 950 && waited < 1_500, `${waited} ms`);
  resolve('value');
  assert.equal(await second, 'value');
});

onEachStore(
  'a signal that aborts between two turns of a wait ends it with its reason',
  async ({ t, client, events }) => {
    const controller = new AbortController();
    const reason = new Error('user left');
    // Both runs outlive their time in one batch of news: the first loss sends the waiter to ask anew, the second aborts it.
    const losses = [];
    t.after(
      client.on('lease-lost', () => {
        if (losses.push(1) === 2) controller.abort(reason);
      }),
    );
    const hangs = () => new Promise(() => {});
    const options = { scope, leaseMs: 5_000, maxLeaseMs: 200 };
    const runs = ['first', 'second'].map((key) =>
      client.withIdempotency(key, hangs, options).catch(({ code }) => code),
    );
    await eventually(() => count(events, 'claimed') === 2);
    const waits = { ...options, waitTimeoutMs: 2_000, signal: controller.signal };
    const waiters = ['first', 'second'].map((key) => client.withIdempotency(key, hangs, waits).catch((error) => error));
    const until = performance.now() + 400;
    while (performance.now() < until);
    assert.deepEqual(await Promise.all(waiters), [reason, reason]);
    assert.deepEqual(await Promise.all(runs), ['ERR_LEASE_LOST', 'ERR_LEASE_LOST']);
  },
);

onEachStore('what a run leaves unrecorded on purpose reaches no duplicate as a value', async ({ client, events }) => {
  const { promise, resolve } = gate();
  const large = { scope, maxResultBytes: 100 };
  const owner = client.withIdempotency('large', () => promise, large);
  const joined = client.withIdempotency('large', () => 'ran', large);
  resolve('x'.repeat(200));
  assert.equal((await owner).length, 200);
  await assert.rejects(joined, { code: 'ERR_RESULT_UNAVAILABLE', reason: 'too-large' });
  await assert.rejects(
    client.withIdempotency('large', () => 'ran', large),
    { code: 'ERR_RESULT_UNAVAILABLE' },
  );
  assert.equal(events.find(({ type }) => type === 'result-unrecorded').reason, 'too-large');
  assert.deepEqual((await client.inspect({ key: 'large', scope })).outcome, {
    kind: 'unavailable',
    reason: 'too-large',
  });
});

onEachStore(
  'E5 in development a value that cannot be written is an error, after it was recorded',
  async ({ client }) => {
    const fn = () => ({ order: { lines: [{ print: () => 1 }] } });
    await assert.rejects(client.withIdempotency('e5', fn, { scope }), (error) => {
      assert.deepEqual([error.code, error.reason], ['ERR_RESULT_UNAVAILABLE', 'unencodable']);
      assert.match(error.path, /order.*lines.*0.*print/);
      assert.match(error.message, /print/);
      return true;
    });
    await assert.rejects(
      client.withIdempotency('e5', () => 1, { scope }),
      { code: 'ERR_RESULT_UNAVAILABLE' },
    );
  },
);

onEachStore('RA16 an fn that never ends costs its caller maxLeaseMs; its late end is still recorded', async (world) => {
  const { t, client, events } = world;
  const keepAlive = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(keepAlive));
  const { promise, resolve } = gate();
  let signal;
  const fn = async (ctx) => {
    signal = ctx.signal;
    return await promise;
  };
  const options = { scope, leaseMs: 10_000, maxLeaseMs: 300, onCrash: 'hold' };
  const call = client.withIdempotency('ra16', fn, options);
  await assert.rejects(call, { code: 'ERR_LEASE_LOST', reason: 'max-lease', hasValue: false });
  assert.equal(signal.aborted, true);
  assert.equal(signal.reason.code, 'ERR_LEASE_LOST');
  assert.equal(count(events, 'lease-lost'), 1);
  resolve('late');
  await eventually(() => count(events, 'completed') === 1);
  assert.equal(await client.withIdempotency('ra16', () => 'ran', { scope }), 'late');
});

onEachStore('I6 callers join a run however many other keys came and went meanwhile', async ({ client, events }) => {
  const { promise, resolve } = gate();
  const owner = client.withIdempotency.outcome('i6', () => promise, { scope });
  await eventually(() => count(events, 'claimed') === 1);
  for (let n = 0; n < 600; n++) await client.withIdempotency(`other ${n}`, () => n, { scope });
  const late = client.withIdempotency.outcome('i6', () => 'ran', { scope });
  resolve('value');
  assert.deepEqual([(await owner).status, (await late).status], ['executed', 'joined']);
});
