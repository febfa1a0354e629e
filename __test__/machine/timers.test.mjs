// `after`: a transition by the store's clock, fired by whoever looks or drains, exactly once; and waiting for a state.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createTestClient } from '../../dist/testing.cjs';
import { createClient, defineStateMachine, drainStateMachines } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { paymentConfig, paymentThatTimesOut } from '../support/payment.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const refusal = (promise) =>
  promise.then(
    () => assert.fail('it was not refused'),
    (error) => error,
  );
const MS = 150;
const timingOut = (client) => defineStateMachine(paymentThatTimesOut(MS), { client });

onEachStore('whoever looks first fires a due `after`, as if it had fired in time', async (world) => {
  const machine = timingOut(world.client());
  const { since } = await machine.send('o-1', 'PROCESS', { create: true });
  await pause(MS + 100);
  const { state, version, ...rest } = await machine.get('o-1');
  assert.deepEqual([state, version, rest.since.getTime()], ['failed', 3, since.getTime() + MS]);
  const entry = (await machine.history('o-1')).at(-1);
  assert.deepEqual(entry, {
    type: 'after',
    version: 3,
    at: rest.since,
    state: 'failed',
    afterMs: MS,
    from: 'processing',
  });
});

onEachStore(
  'S72 an event and the `after` at the same time: one of them moves it, and both sides hear the same',
  async (world) => {
    const [one, other] = [timingOut(world.client()), timingOut(world.client())];
    for (let n = 0; n < 20; n++) {
      const id = `race-${n}`;
      const { timeoutInMs } = await one.send(id, 'PROCESS', { create: true });
      await pause(timeoutInMs - 3 + (n % 6));
      const [sent, seen] = await Promise.all([one.send(id, 'COMPLETE').catch((error) => error), other.get(id)]);
      const { state, version } = await other.get(id);
      assert.equal(version, 3);
      if (sent.code === undefined) assert.deepEqual([sent.state, state], ['completed', 'completed']);
      else assert.deepEqual([sent.code, sent.from, state], ['ERR_INVALID_TRANSITION', 'failed', 'failed']);
      assert.ok(seen.version === 2 || seen.state === state);
    }
  },
);

onEachStore('draining fires what is due, all of it, each once however many drain', async (world) => {
  const [client, rival] = [world.client(), world.client()];
  const [machine, same] = [timingOut(client), timingOut(rival)];
  const ids = Array.from({ length: 250 }, (_, n) => `o-${n}`);
  await Promise.all(ids.map((id) => machine.send(id, 'PROCESS', { create: true })));
  await machine.send('o-0', 'COMPLETE');
  assert.deepEqual(await drainStateMachines({ client }), { fired: 0 });
  await pause(MS + 100);
  const drained = await Promise.all([client, rival, client].map((by) => drainStateMachines({ client: by })));
  assert.equal(
    drained.reduce((sum, { fired }) => sum + fired, 0),
    249,
  );
  const states = await Promise.all(ids.map(async (id) => (await same.get(id)).state));
  assert.deepEqual([states[0], new Set(states.slice(1))], ['completed', new Set(['failed'])]);
  assert.deepEqual(await drainStateMachines({ client }), { fired: 0 });
  if (world.redis !== undefined) {
    const left = await world.redis.send('KEYS', `${world.options.prefix}:*:due:*`);
    assert.deepEqual(left, [], 'nothing stays listed');
  }
});

onEachStore('who waits is told when another client moves it there, by way of other states', async (world) => {
  const machine = defineStateMachine(paymentConfig, { client: world.client() });
  const other = defineStateMachine(paymentConfig, { client: world.client() });
  await machine.create('o-1');
  const waiting = [machine.waitFor('o-1', 'completed'), machine.waitFor('o-1', ['cancelled', 'processing'])];
  await pause(50);
  await other.send('o-1', 'PROCESS');
  assert.equal((await waiting[1]).state, 'processing');
  const sentAt = performance.now();
  await other.send('o-1', 'COMPLETE', { data: 'paid' });
  const { state, version, data } = await waiting[0];
  assert.deepEqual([state, version, data], ['completed', 3, 'paid']);
  assert.ok(performance.now() - sentAt < 800, 'by being told, not by looking once a second');
  assert.equal((await machine.waitFor('o-1', 'completed')).version, 3, 'it is there already');
});

onEachStore('who waits fires the `after` it waits for', async (world) => {
  const machine = timingOut(world.client());
  await machine.send('o-1', 'PROCESS', { create: true });
  const startedAt = performance.now();
  assert.equal((await machine.waitFor('o-1', 'failed')).state, 'failed');
  const took = performance.now() - startedAt;
  assert.ok(took > MS - 20 && took < MS + 500, `${took} ms`);
});

onEachStore(
  'waiting ends when the time is over, when no way leads there, and when the caller gives up',
  async (world) => {
    const machine = defineStateMachine(paymentConfig, { client: world.client() });
    await machine.create('o-1');
    const late = await refusal(machine.waitFor('o-1', 'completed', { timeoutMs: 60 }));
    const facts = ({ code, reason, state, wanted, retryable }) => ({ code, reason, state, wanted, retryable });
    const expected = { code: 'ERR_STATE_NOT_REACHED', state: 'requested', wanted: ['completed'] };
    assert.deepEqual(facts(late), { ...expected, reason: 'timeout', retryable: true });
    const cancelled = refusal(machine.waitFor('o-1', 'completed'));
    await machine.send('o-1', 'CANCEL');
    assert.deepEqual(facts(await cancelled), {
      ...expected,
      state: 'cancelled',
      reason: 'unreachable',
      retryable: false,
    });

    await machine.create('o-2');
    const controller = new AbortController();
    const given = refusal(machine.waitFor('o-2', 'completed', { signal: controller.signal }));
    await pause(20);
    controller.abort(new Error('enough'));
    assert.equal((await given).message, 'enough');
    assert.equal((await refusal(machine.waitFor('o-2', 'completed', { signal: controller.signal }))).message, 'enough');
  },
);

onEachSharedStore(
  'a finished instance is kept for retentionMs, others forever; the server holds no more',
  async (world) => {
    const client = world.client();
    const machine = defineStateMachine({ ...paymentConfig, id: 'kept' }, { client, retentionMs: 200 });
    await machine.send('o-1', 'PROCESS', { create: true });
    const key = (await world.redis.send('KEYS', `${world.options.prefix}:*:m:kept:o-1`))[0];
    assert.equal(await world.redis.send('PTTL', key), -1);
    await machine.send('o-1', 'COMPLETE');
    const left = await world.redis.send('PTTL', key);
    assert.ok(left > 0 && left <= 200, `${left}`);
    await eventually(async () => (await machine.get('o-1')) === undefined, { what: 'the end of its retention' });
    assert.deepEqual(await world.redis.send('KEYS', `${world.options.prefix}:*`), []);
  },
);

describe('with a test client time passes at once', () => {
  it('an `after` of fifteen minutes fires when the test lets them pass', async (t) => {
    const client = createTestClient();
    t.after(() => client.close());
    const machine = defineStateMachine(paymentConfig, { client });
    await machine.send('o-1', 'PROCESS', { create: true });
    await client.advance(899_000);
    assert.equal((await machine.get('o-1')).state, 'processing');
    await client.advance(1_000);
    assert.equal((await machine.get('o-1')).state, 'failed');
    client.failStore();
    assert.equal((await refusal(machine.get('o-1'))).code, 'ERR_STORE_UNAVAILABLE');
    client.restoreStore();
    assert.equal((await machine.get('o-1')).version, 3);
  });
});
