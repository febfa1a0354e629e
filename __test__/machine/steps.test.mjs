// A state machine inside an idempotent run: `ctx.transition`, its fences, and `during`.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createTestClient } from '../../dist/testing.cjs';
import { createClient, currentIdempotency, defineStateMachine } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { gate } from '../support/gate.mjs';
import { paymentConfig, paymentThatTimesOut } from '../support/payment.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';

const { onEachStore } = conformance(createClient);
const refusal = (promise) =>
  promise.then(
    () => assert.fail('it was not refused'),
    (error) => error,
  );
const payment = (client) => defineStateMachine(paymentConfig, { client });
const path = async (machine, id) => (await machine.history(id)).map(({ state }) => state);

onEachStore('a retry of a released run goes through the steps again, and moves nothing twice', async (world) => {
  const client = world.client();
  const machine = payment(client);
  await machine.create('o-1');
  const replayed = [];
  const order = (mailFails) => async (ctx) => {
    replayed.push((await ctx.transition(machine, 'o-1', 'PROCESS')).replayed);
    replayed.push((await ctx.transition(machine, 'o-1', 'COMPLETE', { data: 'charged' })).replayed);
    if (mailFails) throw new Error('the mail failed');
    return 'sent';
  };
  await refusal(client.withIdempotency('k', order(true)));
  assert.equal(await client.withIdempotency('k', order(false)), 'sent');
  assert.deepEqual(replayed, [false, false, true, true]);
  assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing', 'completed']);
  const other = await refusal(client.withIdempotency('k2', order(false)));
  assert.deepEqual([other.code, other.from], ['ERR_INVALID_TRANSITION', 'completed']);
});

onEachStore('the n-th step of a kind is a step of its own', async (world) => {
  const client = world.client();
  const machine = payment(client);
  const versions = await client.withIdempotency('k', async (ctx) => {
    const steps = ['PROCESS', 'FAIL', 'RETRY', 'FAIL', 'RETRY'];
    const made = [];
    for (const event of steps) made.push((await ctx.transition('payment', 'o-1', event, { create: true })).version);
    return made;
  });
  assert.deepEqual(versions, [2, 3, 4, 5, 6]);
  assert.equal((await machine.get('o-1')).version, 6);
});

onEachStore('below the function, too, and unprotected runs take steps without a name', async (world) => {
  const client = world.client();
  const machine = payment(client);
  const below = async () => currentIdempotency().transition(machine, 'o-1', 'PROCESS', { create: true });
  assert.equal((await client.withIdempotency('k', below)).state, 'processing');
  const unprotected = await refusal(client.withIdempotency('k', below, { enabled: false }));
  assert.equal(unprotected.code, 'ERR_INVALID_TRANSITION');
  const wrong = (given) => refusal(client.withIdempotency('k3', (ctx) => ctx.transition(given, 'o-1', 'PROCESS')));
  assert.match((await wrong('lost')).message, /the state machine 'lost' is not defined/);
  assert.match((await wrong(undefined)).message, /a state machine, or the id of one/);
});

onEachStore(
  'after the lease is over a step is refused before anything is sent; the successor is told what happened',
  async (world) => {
    const client = world.client({ defaults: { maxLeaseMs: 150, leaseMs: 150 } });
    const machine = payment(client);
    const stalled = gate();
    const late = [];
    const first = refusal(
      client.withIdempotency('k', async (ctx) => {
        late.push(await ctx.transition(machine, 'o-1', 'PROCESS', { create: true }));
        await stalled.promise;
        late.push(await refusal(ctx.transition(machine, 'o-1', 'FAIL')));
      }),
    );
    assert.equal((await first).code, 'ERR_LEASE_LOST');
    const seen = await client.withIdempotency('k', async (ctx) => {
      const step = await ctx.transition(machine, 'o-1', 'PROCESS', { create: true });
      return [ctx.recovered, step.replayed, step.state, step.version];
    });
    assert.deepEqual(seen, [true, true, 'processing', 2]);
    stalled.resolve();
    await pause(20);
    assert.deepEqual([late.length, late[1].code], [2, 'ERR_LEASE_LOST']);
    assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing']);
  },
);

onEachStore('during moves, runs fn once, moves on; a second is refused while it runs', async (world) => {
  const client = world.client();
  const machine = payment(client);
  await machine.create('o-1');
  let runs = 0;
  const charge = (options) =>
    machine.during(
      'o-1',
      { event: 'PROCESS', onDone: ({ id }) => ({ event: 'COMPLETE', data: { charge: id } }), ...options },
      async (instance, ctx) => {
        runs += 1;
        assert.deepEqual([instance.state, typeof ctx.deriveKey('charge')], ['processing', 'string']);
        assert.equal(
          (await refusal(machine.during('o-1', { event: 'PROCESS', onDone: 'COMPLETE' }, () => 1))).from,
          'processing',
        );
        return { id: 'ch_1' };
      },
    );
  assert.deepEqual(await charge({ idempotencyKey: 'k' }), { id: 'ch_1' });
  assert.deepEqual(await charge({ idempotencyKey: 'k' }), { id: 'ch_1' }, 'a repeat gets the outcome');
  assert.equal((await refusal(charge({ idempotencyKey: 'k2' }))).code, 'ERR_INVALID_TRANSITION');
  assert.equal(runs, 1);
  const { state, data } = await machine.get('o-1');
  assert.deepEqual([state, data], ['completed', { charge: 'ch_1' }]);
});

onEachStore('during whose fn throws moves by onError, and the key keeps the error', async (world) => {
  const machine = payment(world.client());
  let runs = 0;
  const declined = (extra) =>
    refusal(
      machine.during(
        'o-1',
        { event: 'PROCESS', onDone: 'COMPLETE', create: true, idempotencyKey: 'k', ...extra },
        () => {
          runs += 1;
          throw new RangeError('declined');
        },
      ),
    );
  const error = await declined({ onError: (thrown) => ({ event: 'FAIL', data: { why: thrown.message } }) });
  assert.deepEqual([error.name, error.message], ['RangeError', 'declined']);
  assert.deepEqual(
    [(await machine.get('o-1')).state, (await machine.get('o-1')).data],
    ['failed', { why: 'declined' }],
  );
  assert.equal((await declined({ onError: 'FAIL' })).message, 'declined');
  assert.equal(runs, 1);
});

describe('an owner that dies', () => {
  const options = { event: 'PROCESS', onDone: 'COMPLETE', create: true, idempotencyKey: 'k' };

  it('during is run again by its successor while the instance is where it was, and finishes it', async (t) => {
    const client = createTestClient();
    t.after(() => client.close());
    const machine = payment(client);
    const scope = ['actonce.during', 'payment', 'o-1'];
    const first = refusal(machine.during('o-1', options, () => new Promise(() => {})));
    while ((await machine.get('o-1')) === undefined) await pause(1);
    client.crashOwner({ key: 'k', scope });
    assert.equal((await first).code, 'ERR_LEASE_LOST');
    await client.advance(30_000);
    const value = await machine.during('o-1', options, (instance, ctx) => [instance.replayed, ctx.recovered]);
    assert.deepEqual(value, [true, true]);
    assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing', 'completed']);
  });

  it('during is not run again once the instance has timed out', async (t) => {
    const client = createTestClient();
    t.after(() => client.close());
    const machine = defineStateMachine(paymentThatTimesOut(60_000), { client });
    const first = refusal(machine.during('o-1', options, () => new Promise(() => {})));
    while ((await machine.get('o-1')) === undefined) await pause(1);
    client.crashOwner({ key: 'k', scope: ['actonce.during', machine.id, 'o-1'] });
    await first;
    await client.advance(60_000);
    const refused = await refusal(machine.during('o-1', options, () => assert.fail('fn ran again')));
    assert.deepEqual([refused.code, refused.from, refused.allowed], ['ERR_INVALID_TRANSITION', 'failed', ['RETRY']]);
  });
});

for (const executor of EXECUTORS) {
  describe(`a step that arrives late · redis×${executor}`, { timeout: 60_000 }, () => {
    let redis;
    before(async () => {
      redis = await startRedis();
    });
    after(() => redis.stop());

    it('RG2 is refused by the instance, which has seen the successor, and changes nothing', async (t) => {
      const c = new Contenders(t, redis, { executor, commandTimeoutMs: 20_000 });
      const proxy = await c.proxy();
      const [slow, rival] = [c.client({ url: proxy.url }), c.client()];
      const [slowMachine, machine] = [payment(slow), payment(rival)];
      let step;
      const sent = gate();
      const first = refusal(
        slow.withIdempotency('k', async (ctx) => {
          await ctx.transition(slowMachine, 'o-1', 'PROCESS', { create: true });
          proxy.mode('stall');
          step = refusal(ctx.transition(slowMachine, 'o-1', 'FAIL'));
          sent.resolve();
          return step;
        }),
      );
      await sent.promise;
      const seen = await rival.withIdempotency('k', async (ctx) => {
        const { replayed } = await ctx.transition(machine, 'o-1', 'PROCESS', { create: true });
        proxy.mode('pass');
        const { code, reason, hash } = await step;
        return [ctx.attempt, replayed, code, reason, hash === ctx.hash];
      });
      assert.deepEqual(seen, [2, true, 'ERR_LEASE_LOST', 'refused', true]);
      await first;
      assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing']);
    });

    for (const loss of ['swallow-reply-and-close', 'swallow-reply', 'drop-request']) {
      it(`RG1 a transition and ${loss}: it is sent again and recognised, moved once and told so`, async (t) => {
        const c = new Contenders(t, redis, { executor, commandTimeoutMs: 200 });
        const proxy = await c.proxy();
        const machine = payment(c.client({ url: proxy.url }));
        await machine.create('o-1');
        const fault = proxy.fault(loss, { on: (args) => args.some((arg) => String(arg) === 'PROCESS') });
        const { state, version, replayed } = await machine.send('o-1', 'PROCESS', { data: 1 });
        assert.deepEqual([fault.hits, state, version, replayed], [1, 'processing', 2, false]);
        assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing']);
      });
    }

    it('NOSCRIPT is answered by loading, a foreign type by ERR_RECORD_UNREADABLE', async (t) => {
      const c = new Contenders(t, redis, { executor });
      const machine = payment(c.client());
      await machine.create('o-1');
      await redis.send('SCRIPT', 'FLUSH');
      assert.equal((await machine.send('o-1', 'PROCESS')).version, 2);
      const [key] = await redis.send('KEYS', `${c.prefix}:*:m:payment:o-1`);
      await redis.send('DEL', key);
      await redis.send('LPUSH', key, 'x');
      assert.equal((await refusal(machine.get('o-1'))).code, 'ERR_RECORD_UNREADABLE');
      for (const field of ['head', 'of another']) {
        await redis.send('DEL', key);
        await redis.send('HSET', key, field, 'm2 of a later version');
        const error = await refusal(machine.send('o-1', 'PROCESS', { create: true }));
        assert.equal(error.code, 'ERR_RECORD_UNREADABLE');
        assert.deepEqual(await redis.send('HGETALL', key), [field, 'm2 of a later version']);
      }
      await redis.send('DEL', key);
    });
  });
}
