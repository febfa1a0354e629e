// What counts as a repeat of a step: the same key while its record is kept, however large the data and however short
// the history. What does not count: a reply that was lost, and a key that comes again after its record is gone.
import assert from 'node:assert/strict';
import { after, before, describe, it as test } from 'node:test';
import { createTestClient } from '../../dist/testing.cjs';
import { createClient, defineStateMachine } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const refusal = (promise) =>
  promise.then(
    (value) => assert.fail(`it was not refused, but gave ${JSON.stringify(value)}`),
    (error) => error,
  );
const mailFails = () => Promise.reject(new Error('the mail failed'));

describe('S75 a key that comes again after its record is gone', () => {
  /** An order that is charged between two steps; `charges` has a line for each charge. */
  function shop(t, options = {}) {
    const client = createTestClient(options);
    t.after(() => client.close());
    const machine = defineStateMachine(paymentConfig, { client });
    const charges = [];
    const order =
      (mails = async () => 'paid') =>
      async (ctx) => {
        await ctx.transition(machine, 'o-1', 'PROCESS', { create: true });
        charges.push(ctx.attempt);
        await ctx.transition(machine, 'o-1', 'COMPLETE');
        return mails();
      };
    return { client, machine, charges, order };
  }

  test('25 hours later it is refused as another key would be, each time, and nobody is charged', async (t) => {
    const { client, charges, order } = shop(t);
    assert.equal(await client.withIdempotency('k', order()), 'paid');
    await client.advance(25 * HOUR_MS);
    for (let time = 0; time < 3; time += 1) {
      const repeat = await refusal(client.withIdempotency('k', order()));
      assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'completed']);
    }
    assert.deepEqual(charges, [1]);
  });

  test('it is refused by a second attempt, too, although the first never came to the instance', async (t) => {
    const { client, charges, order } = shop(t);
    await client.withIdempotency('k', order());
    await client.advance(25 * HOUR_MS);
    await refusal(client.withIdempotency('k', mailFails));
    const repeat = await refusal(client.withIdempotency('k', order()));
    assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'completed']);
    assert.deepEqual(charges, [1]);
  });

  test('the retention that the step was made under counts, not a longer one that was deployed since', async (t) => {
    const { client, charges, order } = shop(t);
    await client.withIdempotency('k', order(), { retentionMs: HOUR_MS });
    await client.advance(2 * HOUR_MS);
    await refusal(client.withIdempotency('k', mailFails));
    const repeat = await refusal(client.withIdempotency('k', order(), { retentionMs: 48 * HOUR_MS }));
    assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'completed']);
    assert.deepEqual(charges, [1]);
  });

  test('a first attempt is refused at once, however long the retention: its record was lost', async (t) => {
    const { client, charges, order } = shop(t, { defaults: { retentionMs: 1 } });
    await client.withIdempotency('k', order());
    await client.advance(10);
    const repeat = await refusal(client.withIdempotency('k', order(), { retentionMs: 48 * HOUR_MS }));
    assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'completed']);
    assert.deepEqual(charges, [1]);
  });

  test('if the machine leads back to the same event, the key makes a new step, and a retry of that step is a repeat', async (t) => {
    const client = createTestClient();
    t.after(() => client.close());
    const round = {
      id: 'round',
      initial: 'idle',
      states: { idle: { on: { BILL: 'billed' } }, billed: { on: { REST: 'idle' } } },
    };
    const machine = defineStateMachine(round, { client, historyLimit: 1 });
    const replayed = [];
    const bill = (ends) => async (ctx) => {
      replayed.push((await ctx.transition(machine, 'o-1', 'BILL', { create: true })).replayed);
      return ends();
    };
    await client.withIdempotency(
      'k',
      bill(() => 'billed'),
    );
    await machine.send('o-1', 'REST');
    await client.advance(25 * HOUR_MS);
    await refusal(client.withIdempotency('k', bill(mailFails)));
    assert.deepEqual(replayed, [false, false]);
    // The entry of 25 hours ago is forgotten, its successor with the same token is not.
    await machine.send('o-1', 'REST');
    for (let n = 0; n < 7; n += 1) for (const event of ['BILL', 'REST']) await machine.send('o-1', event);
    await client.withIdempotency(
      'k',
      bill(() => 'billed'),
    );
    assert.deepEqual(replayed, [false, false, true]);
  });

  test('an hour before its retention ends it still counts as a repeat', async (t) => {
    const { client, charges, order } = shop(t);
    await refusal(client.withIdempotency('k', order(mailFails)));
    await client.advance(23 * HOUR_MS);
    assert.equal(await client.withIdempotency('k', order()), 'paid');
    assert.deepEqual(charges, [1, 2], 'the second is the retry that may charge: it has the same derived key');
  });
});

onEachSharedStore(
  'S75 a key whose record was evicted is refused as another key, and nobody is charged',
  async (world) => {
    const client = world.client({ cache: false });
    const machine = defineStateMachine(paymentConfig, { client });
    const charges = [];
    const order = async (ctx) => {
      await ctx.transition(machine, 'o-1', 'PROCESS', { create: true });
      charges.push(ctx.attempt);
      await ctx.transition(machine, 'o-1', 'COMPLETE');
    };
    await client.withIdempotency('k', order);
    const names = await world.redis.send('KEYS', `${world.options.prefix}:*`);
    await world.redis.send('DEL', ...names.filter((name) => !/:(m|due):/.test(name)));
    const repeat = await refusal(client.withIdempotency('k', order));
    assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'completed']);
    assert.deepEqual(charges, [1]);
  },
);

onEachStore('a short history forgets no step of a run that is retried', async (world) => {
  const client = world.client();
  const machine = defineStateMachine({ ...paymentConfig, id: 'short' }, { client, historyLimit: 1 });
  await machine.send('o-1', 'PROCESS', { create: true });
  for (let n = 0; n < 7; n += 1) for (const event of ['FAIL', 'RETRY']) await machine.send('o-1', event);
  const replayed = [];
  const run = (ends) => async (ctx) => {
    for (const event of ['FAIL', 'RETRY', 'FAIL', 'RETRY'])
      replayed.push((await ctx.transition(machine, 'o-1', event)).replayed);
    return ends();
  };
  await refusal(client.withIdempotency('k', run(mailFails)));
  assert.equal((await machine.history('o-1')).length, 1);
  await client.withIdempotency(
    'k',
    run(() => 'done'),
  );
  assert.deepEqual(replayed, [false, false, false, false, true, true, true, true]);
  assert.equal((await machine.get('o-1')).version, 20);
});

onEachStore('data over 64 KiB forgets no step of a run that is retried', async (world) => {
  const client = world.client();
  const machine = defineStateMachine(paymentConfig, { client });
  const large = (letter) => letter.repeat(100_000);
  const steps = ['PROCESS', 'FAIL', 'RETRY', 'COMPLETE'];
  const seen = [];
  const run = (ends) => async (ctx) => {
    for (const [n, event] of steps.entries()) {
      const options = { create: true, data: large(String(n)) };
      const { replayed, version, state, data } = await ctx.transition(
        machine,
        'o-1',
        { type: event, why: large('y') },
        options,
      );
      seen.push([replayed, version, state, data?.[0]]);
    }
    return ends();
  };
  await refusal(client.withIdempotency('k', run(mailFails)));
  await client.withIdempotency(
    'k',
    run(() => 'done'),
  );
  assert.deepEqual(seen.slice(0, 4), [
    [false, 2, 'processing', '0'],
    [false, 3, 'failed', '1'],
    [false, 4, 'processing', '2'],
    [false, 5, 'completed', '3'],
  ]);
  // The data of the older steps is forgotten and undefined; the data of the last two is there.
  assert.deepEqual(seen.slice(4), [
    [true, 2, 'processing', undefined],
    [true, 3, 'failed', undefined],
    [true, 4, 'processing', '2'],
    [true, 5, 'completed', '3'],
  ]);
  const history = await machine.history('o-1');
  assert.deepEqual(
    history.map(({ type, state }) => `${type} ${state}`),
    ['created requested', 'event processing', 'event failed', 'event processing', 'event completed'],
  );
  assert.deepEqual(
    history.map(({ payload }) => payload?.why[0]),
    [undefined, undefined, undefined, undefined, 'y'],
  );
});

/** Writes an instance as older versions wrote it: an entry did not say who sent the event. */
async function forgetSenders({ redis, options }) {
  const [key] = await redis.send('KEYS', `${options.prefix}:*:m:*`);
  const fields = Object.fromEntries(pairs(await redis.send('HGETALL', key)));
  let saved = 0;
  for (const [name, text] of Object.entries(fields).filter(([name]) => /^\d+$/.test(name))) {
    const older = text.replace(/^(\w+ \d+ [\w-]{11}) [^\n]+/, '$1');
    saved += text.length - older.length;
    await redis.send('HSET', key, name, older);
  }
  const [version, since, flags, first, bytes, state] = fields.head.split(' ');
  const head = [version, since, flags, first, bytes - saved, state].join(' ');
  await redis.send('HSET', key, 'head', head);
  return saved;
}

const pairs = (flat) => Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n], flat[2 * n + 1]]);

onEachSharedStore('an instance that an older version wrote is read, and its keys are recognised', async (world) => {
  const client = world.client();
  const machine = defineStateMachine(paymentConfig, { client });
  const seen = [];
  const run = (ends) => async (ctx) => {
    for (const event of ['PROCESS', 'FAIL']) {
      seen.push((await ctx.transition(machine, 'o-1', event, { create: true })).replayed);
    }
    return ends();
  };
  await refusal(client.withIdempotency('k', run(mailFails)));
  await machine.send('o-1', 'RETRY', { idempotencyKey: 's' });
  const history = await machine.history('o-1');
  assert.equal(await forgetSenders(world), 2 * 57 + 12);
  assert.deepEqual(await machine.history('o-1'), history);
  const again = await machine.send('o-1', 'RETRY', { idempotencyKey: 's' });
  assert.deepEqual([again.version, again.replayed], [4, true]);
  await client.withIdempotency(
    'k',
    run(() => 'done'),
  );
  assert.deepEqual(seen, [false, false, true, true]);
  assert.equal((await machine.send('o-1', 'COMPLETE')).version, 5);
});

for (const executor of EXECUTORS) {
  describe(`a reply that is lost · redis×${executor}`, { timeout: 60_000 }, () => {
    let redis;
    before(async () => {
      redis = await startRedis();
    });
    after(() => redis.stop());

    for (const loss of ['swallow-reply-and-close', 'swallow-reply']) {
      it(`makes neither a step of this run nor a send with a key a repeat (${loss})`, async (t) => {
        const c = new Contenders(t, redis, { executor, commandTimeoutMs: 200, defaults: { leaseMs: 10_000 } });
        const proxy = await c.proxy();
        const client = c.client({ url: proxy.url });
        const machine = defineStateMachine(paymentConfig, { client });
        await machine.create('o-1');
        const seen = [];
        const moves = async (move, event) => {
          const fault = proxy.fault(loss, { on: (args) => args.some((arg) => String(arg) === event) });
          const { replayed, version } = await move();
          seen.push([event, fault.hits, version, replayed]);
        };
        await client.withIdempotency('k', (ctx) => moves(() => ctx.transition(machine, 'o-1', 'PROCESS'), 'PROCESS'));
        const failing = () => machine.send('o-1', 'FAIL', { idempotencyKey: 'k' });
        await moves(failing, 'FAIL');
        await moves(failing, 'none');
        assert.deepEqual(seen, [
          ['PROCESS', 1, 2, false],
          ['FAIL', 1, 3, false],
          ['none', 0, 3, true],
        ]);
      });
    }
  });
}
