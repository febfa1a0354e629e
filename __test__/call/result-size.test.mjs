// Scenario H8: what a result may weigh, and that one that weighs more makes no key runnable again.
import assert from 'node:assert/strict';
import { createClient, defineStateMachine } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { paymentConfig } from '../support/payment.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);

onEachStore(
  'H8 (RF9) a result above the limit reaches its caller, is not recorded, and runs nothing again',
  async (world) => {
    const { client, effect, ledger } = world;
    const defaults = { maxResultBytes: 100 };
    const [one, two] = [client({ defaults }), client({ defaults })];
    const events = [];
    one.on('result-unrecorded', ({ reason }) => events.push(reason));
    const large = { text: '€'.repeat(40) };
    assert.equal(await one.withIdempotency('k', effect('k', large)), large);
    assert.deepEqual(events, ['too-large']);
    const record = await two.inspect({ key: 'k' });
    assert.deepEqual([record.state, record.outcome], ['completed', { kind: 'unavailable', reason: 'too-large' }]);
    for (const on of [two, one]) {
      const refused = await on.withIdempotency('k', effect('k')).catch((error) => error);
      const { code, name, reason, retryable, hash } = refused;
      const expected = ['ERR_RESULT_UNAVAILABLE', 'ResultUnavailableError', 'too-large', false, record.hash];
      assert.deepEqual([code, name, reason, retryable, hash], expected);
    }
    assert.equal(ledger.count('k'), 1);
    assert.equal(await one.reset({ key: 'k' }), 'reset');
    await assert.rejects(one.resolve({ key: 'k' }, { value: large }), { code: 'ERR_RESULT_UNAVAILABLE' });
    assert.equal((await two.inspect({ key: 'k' })).state, 'released');
  },
);

onEachStore('H8 (RF9) the limit counts bytes as they are recorded', async ({ client, effect }) => {
  // "€…" is 2 bytes more than its text.
  const [fits, tooSmall] = [32, 31].map((maxResultBytes) => client({ defaults: { maxResultBytes } }));
  const text = '€'.repeat(10);
  await fits.withIdempotency('fits', effect('k', text));
  assert.equal((await fits.inspect({ key: 'fits' })).outcome.value, text);
  await tooSmall.withIdempotency('too large', effect('k', text));
  assert.equal((await fits.inspect({ key: 'too large' })).outcome.kind, 'unavailable');
});

onEachStore('H8 a long text and a Buffer count with the character in front of them', async ({ client, effect }) => {
  const values = { ascii: 'a'.repeat(20_000), '€': '€'.repeat(20_000), Buffer: Buffer.alloc(30_000, 7) };
  const sizes = { ascii: 20_001, '€': 60_001, Buffer: 40_001 };
  for (const [name, value] of Object.entries(values)) {
    const [fits, tooSmall] = [0, 1].map((less) => client({ defaults: { maxResultBytes: sizes[name] - less } }));
    await fits.withIdempotency(`${name} fits`, effect('k', value));
    assert.deepEqual((await tooSmall.inspect({ key: `${name} fits` })).outcome, { kind: 'value', value });
    await tooSmall.withIdempotency(`${name} is too large`, effect('k', value));
    assert.equal((await fits.inspect({ key: `${name} is too large` })).outcome.kind, 'unavailable');
  }
});

onEachStore('H8 (RF9) texts of every length around a buffer’s come back whole', async ({ client, effect }) => {
  const [one, two] = [client(), client()];
  for (const character of ['a', 'é', '€', '🛒', 'a€']) {
    // Of 1,024 bytes for short texts; and 1,024 characters, where texts are written as they are, take up to three times as much.
    const around = [1_024, 3_072].flatMap((bytes) => {
      const most = Math.ceil(bytes / Buffer.byteLength(character));
      return Array.from({ length: 12 }, (_, less) => most + 3 - less);
    });
    for (const count of [...around, 400_000]) {
      const [key, text] = [`${character} ${count}`, character.repeat(count)];
      await one.withIdempotency(key, effect('k', text), { maxResultBytes: 2 ** 22 });
      assert.ok((await two.withIdempotency(key, effect('k'))) === text, key);
    }
  }
});

onEachSharedStore('H8 a result above the limit is never sent', async ({ t, redis, client, effect }) => {
  const monitor = await startMonitor(redis);
  t.after(() => monitor.stop());
  await client().withIdempotency('k', effect('k', 'x'.repeat(1_048_577)));
  const longest = (await monitor.commands()).flatMap(({ args }) => args.map((arg) => arg.length));
  // The scripts are loaded over the same connection.
  assert.ok(Math.max(...longest) < 100_000, `${Math.max(...longest)}`);
});

onEachStore('E14 a codec that writes a promise leaves the record without a value, and no rejection', async (world) => {
  const { client, effect, ledger } = world;
  const encode = async () => {
    throw new Error('not at once');
  };
  const actonce = client({ codec: { encode, decode: (text) => text } });
  for (let call = 0; call < 2; call += 1) {
    const refused = { code: 'ERR_RESULT_UNAVAILABLE', reason: 'unencodable' };
    await assert.rejects(actonce.withIdempotency('k', effect('k', 'paid')), refused);
  }
  assert.equal(ledger.count('k'), 1);
  await new Promise(setImmediate);
});

onEachStore('H8 a codec whose text would not survive UTF-8 leaves the record without a value', async (world) => {
  const { client, effect, ledger } = world;
  const actonce = client({ codec: { encode: () => 'paid \ud800', decode: (text) => text } });
  for (let call = 0; call < 2; call += 1) {
    const refused = { code: 'ERR_RESULT_UNAVAILABLE', reason: 'unencodable' };
    await assert.rejects(actonce.withIdempotency('k', effect('k', 'paid')), refused);
  }
  assert.equal(ledger.count('k'), 1);
});

onEachStore(
  'a result that cannot be recorded: the message says what is there, where, and what to do',
  async (world) => {
    const client = world.client();
    class Order {
      total = 5;
    }
    class Money {
      amount = 1n;
    }
    const cases = [
      [new Order(), /the value is an instance of class Order.*plain object.*values/],
      [{ order: { price: new Money() } }, /order\.price is an instance of class Money.*plain object.*values/],
      [() => 1, /the value is a function/],
      [[1, Promise.resolve(2)], /\[1\] is a promise/],
      [{ items: [Symbol('s')] }, /items\[0\] is a symbol/],
    ];
    for (const [number, [value, words]] of cases.entries()) {
      const key = `k${number}`;
      // In development the first caller learns what is there; a replay knows only where.
      const first = await client.withIdempotency(key, () => value).catch((error) => error);
      assert.equal(first.code, 'ERR_RESULT_UNAVAILABLE');
      assert.match(first.message, words);
      const replay = await client.withIdempotency(key, () => 'again').catch((error) => error);
      assert.equal(replay.path, first.path || undefined);
      assert.match(replay.message, first.path ? /cannot be recorded/ : /the value cannot be recorded/);
      for (const { message } of [first, replay]) assert.doesNotMatch(message, / at \.|at {2}/, message);
    }
    const machine = defineStateMachine(paymentConfig, { client });
    const refused = machine.create('o-1', { data: new Order() });
    await assert.rejects(refused, { message: /data is an instance of class Order/ });
    const within = machine.create('o-1', { data: { order: new Order() } });
    await assert.rejects(within, {
      message: /data\.order is an instance of class Order|order is an instance of class Order/,
    });
  },
);
