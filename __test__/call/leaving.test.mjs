// Callers that wait together for another process: each keeps its own patience, signal and onDuplicate, and whoever leaves
// disturbs nobody. Scenario I6 as the server sees it.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { createClient, defineStateMachine } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { heldRun } from '../support/held-run.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { recordUnder } from '../support/record.mjs';

const { onEachStore, onEachStoreAndPolicy, onEachSharedStore } = conformance(createClient);
const replayed = { status: 'replayed', kind: 'value', attempt: 1, value: 'paid' };

onEachSharedStore(
  'I6 a hundred callers of one turn make one claim on the wire',
  async ({ t, client, redis, effect, ledger }) => {
    const monitor = await startMonitor(redis);
    t.after(() => monitor.stop());
    const actonce = client();
    await actonce.inspect({ key: 'connects' });
    await monitor.clear();
    const call = () => actonce.withIdempotency('k', async (ctx) => effect('k', 'paid')(ctx));
    assert.deepEqual(await Promise.all(Array.from({ length: 100 }, call)), Array(100).fill('paid'));
    assert.deepEqual(await monitor.wire(), { SET: 1, EVALSHA: 1 });
    await monitor.clear();
    await Promise.all(Array.from({ length: 100 }, call));
    assert.deepEqual(await monitor.wire(), {}, 'replays come from the cache');
    assert.equal(ledger.count('k'), 1);
  },
);

/** An owner in flight and a client beside it; `isWaiting` once the latter is told that the key is taken. */
async function inFlight({ client, redis, options }) {
  const [owner, other] = [client(), client()];
  const run = heldRun();
  const owned = owner.withIdempotency('k', run.fn);
  await run.started;
  const isWaiting = async () => {
    if (!redis) return;
    const [channel] = await redis.send('KEYS', `${options.prefix}:*`);
    await eventually(async () => (await redis.send('PUBSUB', 'NUMSUB', channel))[1] === 1);
  };
  return { other, run, owned, isWaiting };
}

onEachStore('a caller that loses patience or is cancelled leaves the others waiting', async (world) => {
  const { other, run, owned, isWaiting } = await inFlight(world);
  const [gone, late] = [new AbortController(), new AbortController()];
  const call = (options) => other.withIdempotency.outcome('k', world.effect('k'), options);
  const cancelled = call({ signal: gone.signal });
  const patient = call({ signal: late.signal });
  const hasty = call({ waitTimeoutMs: 50 });
  await isWaiting();
  const reason = new Error('the user left');
  gone.abort(reason);
  await assert.rejects(cancelled, (error) => error === reason);
  await assert.rejects(hasty, { code: 'ERR_IN_PROGRESS' });
  await assert.rejects(call({ onDuplicate: 'reject' }), { code: 'ERR_IN_PROGRESS' });
  run.returns('paid');
  assert.deepEqual(await patient, replayed);
  late.abort(reason);
  assert.equal(await owned, 'paid');
  assert.equal(world.ledger.count('k'), 0);
});

onEachStore('where the first caller does not wait, those who do are not refused with it', async (world) => {
  const { other, run, owned } = await inFlight(world);
  const call = (options) => other.withIdempotency.outcome('k', world.effect('k'), options);
  const calls = [call({ onDuplicate: 'reject' }), call({}), call({ onDuplicate: 'reject' }), call({})];
  for (const refused of [calls[0], calls[2]]) {
    await assert.rejects(refused, ({ code, retryAfterMs }) => {
      assert.equal(code, 'ERR_IN_PROGRESS');
      assert.ok(retryAfterMs > 0 && retryAfterMs <= 30_000);
      return true;
    });
  }
  const isMarked = async () => (await recordUnder(world.redis, world.options.prefix)).flags % 2 === 1;
  if (world.redis) await eventually(isMarked, { what: 'the mark that has the owner wake those who wait' });
  run.returns('paid');
  assert.equal(await owned, 'paid');
  for (const waited of [calls[1], calls[3]]) assert.deepEqual(await waited, replayed);
});

onEachSharedStore('when the last one has left, nobody listens any more', async (world) => {
  const { other, run, owned, isWaiting } = await inFlight(world);
  const leave = new AbortController();
  const calls = [1, 2].map(() => other.withIdempotency('k', world.effect('k'), { signal: leave.signal }));
  await isWaiting();
  leave.abort(new Error('left'));
  for (const call of calls) await assert.rejects(call, { message: 'left' });
  const subscribed = async () => world.redis.send('PUBSUB', 'CHANNELS', `${world.options.prefix}:*`);
  await eventually(async () => (await subscribed()).length === 0);
  run.returns('paid');
  assert.equal(await owned, 'paid');
});

onEachStore('more than ten calls may wait under one signal, and Node has nothing to warn of', async (world) => {
  const { other, run, owned, isWaiting } = await inFlight(world);
  const warned = [];
  const onWarning = (warning) => warned.push(warning.name);
  process.on('warning', onWarning);
  world.t.after(() => process.off('warning', onWarning));
  const leave = new AbortController();
  const call = (signal) => other.withIdempotency('k', world.effect('k'), { signal });
  const leaving = Array.from({ length: 30 }, () => call(leave.signal));
  const stays = call(new AbortController().signal);
  await isWaiting();
  const machine = defineStateMachine(paymentConfig, { client: other });
  await machine.create('o-1');
  const watching = Array.from({ length: 30 }, () => machine.waitFor('o-1', 'completed', { signal: leave.signal }));
  await new Promise(setImmediate);
  assert.equal(getEventListeners(leave.signal, 'abort').length, 1, 'one for all of them');
  const reason = new Error('left');
  leave.abort(reason);
  for (const each of [...leaving, ...watching]) await assert.rejects(each, (error) => error === reason);
  run.returns('paid');
  assert.deepEqual([await stays, await owned], ['paid', 'paid']);
  assert.equal(getEventListeners(leave.signal, 'abort').length, 0);
  assert.deepEqual(warned, []);
});

onEachStore('a signal that lives on keeps nothing of calls that have ended', async ({ client }) => {
  const { signal } = new AbortController();
  const one = client();
  const calls = Array.from({ length: 30 }, (_, n) => one.withIdempotency(`k${n}`, async () => n, { signal }));
  await Promise.all(calls);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

onEachStore(
  'a caller that is cancelled before its turn hands the claim to the next one',
  async ({ client, effect, ledger }) => {
    const actonce = client();
    const cancel = new AbortController();
    const call = (value, options) =>
      actonce.withIdempotency.outcome('k', async (ctx) => effect('k', value)(ctx), options);
    const first = call('first', { signal: cancel.signal });
    const second = call('second');
    cancel.abort(new Error('left'));
    const [one, two] = await Promise.allSettled([first, second]);
    // The embedded store has answered the first one by then: a started fn is not cancelled.
    const expected = one.status === 'rejected' ? ['left', 'executed', 'second'] : [undefined, 'joined', 'first'];
    assert.deepEqual([one.reason?.message, two.value.status, two.value.value], expected);
    assert.equal(ledger.count('k'), 1);
  },
);

/** Keeps this thread busy: what other threads and the server do meanwhile is not heard of. */
function deafFor(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

onEachStoreAndPolicy('a claim that was given up is withdrawn: the next call runs at once', async (world) => {
  const { client, ledger, effect } = world;
  const [hasty, next] = [client(), client()];
  await Promise.all([hasty, next].map((each, n) => each.inspect({ key: `connects ${n}` })));
  // Cancelled before it is sent, while it is under way, and when it has been acquired but its caller has not heard.
  const moments = [() => {}, () => deafFor(2), () => new Promise(setImmediate), () => new Promise(process.nextTick)];
  for (const [n, moment] of [...moments, ...moments, ...moments].entries()) {
    const key = `k${n}`;
    const cancel = new AbortController();
    const call = hasty.withIdempotency(key, effect(key, 'first'), { signal: cancel.signal });
    await moment();
    cancel.abort(new Error('left'));
    const first = await call.catch((error) => error.message);
    const second = await next.withIdempotency.outcome(key, effect(key, 'second'), { waitTimeoutMs: 5_000 });
    assert.equal(ledger.count(key), 1);
    if (first === 'first') assert.equal(second.value, 'first', 'a started fn is not cancelled');
    else assert.deepEqual([first, second.value], ['left', 'second']);
    assert.equal(ledger.entries(key)[0].recovered, false, 'nothing had been left half-way');
  }
});

onEachStore(
  'an owner that gives nothing to share lets those who joined ask for themselves',
  async ({ client, effect }) => {
    const [actonce, operator] = [client(), client()];
    const run = heldRun();
    const claimed = gate();
    actonce.on('claimed', claimed.resolve);
    const owned = actonce.withIdempotency('k', run.fn);
    await claimed.promise;
    const joined = actonce.withIdempotency.outcome('k', effect('k', 'mine'));
    await operator.reset({ key: 'k' }, { force: true });
    assert.equal(await operator.withIdempotency('k', effect('k', 'of the successor')), 'of the successor');
    run.returns('late');
    await assert.rejects(owned, { code: 'ERR_LEASE_LOST' });
    const { status, value } = await joined;
    assert.deepEqual([status, value], ['replayed', 'of the successor']);
  },
);
