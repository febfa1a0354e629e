// Scenario C14 (with B5, B6): one key stands for one payload, in whatever state its record is, and where it does not count.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';
import { startProxy } from '../support/proxy.mjs';
import { reach } from '../support/states.mjs';

const { onEachStore } = conformance(createClient);
const first = { payload: { cart: ['x'], total: 1_000 } };
const equal = { payload: { total: 1_000, cart: ['x'] } };
const other = { payload: { total: 1_001, cart: ['x'] } };
const none = {};

/** What a duplicate gets that does not wait: with an equal or no payload, and with another one. */
const answers = {
  processing: { same: 'ERR_IN_PROGRESS', other: 'ERR_KEY_REUSED' },
  completed: { same: 'paid', other: 'ERR_KEY_REUSED' },
  failed: { same: 'declined', other: 'ERR_KEY_REUSED' },
  released: { same: 'ran', other: 'ran' },
  indeterminate: { same: 'ERR_INDETERMINATE', other: 'ERR_INDETERMINATE' },
};

for (const [state, expected] of Object.entries(answers)) {
  for (const [what, payload] of Object.entries({ equal, other, none })) {
    onEachStore(`C14 a ${state} record asked with ${what === 'none' ? 'no' : `an ${what}`} payload`, async (world) => {
      const [owner, asker] = [world.client(), world.client()];
      const made = await reach[state](owner, 'k', first);
      assert.equal((await asker.inspect({ key: 'k' })).state, state);
      const expectedAnswer = what === 'other' ? expected.other : expected.same;
      const ask = (on) =>
        on
          .withIdempotency('k', () => 'ran', { ...payload, onDuplicate: 'reject' })
          .catch((error) => error.code ?? error.message);
      assert.equal(await ask(asker), expectedAnswer);
      // And from the process that made the record and knows it.
      if (state !== 'released') assert.equal(await ask(owner), expectedAnswer);
      made?.run?.returns('paid');
      if (made?.call) assert.equal(await made.call, 'paid');
    });
  }
}

onEachStore(
  'C14 a refused payload changes nothing: the first one still replays (B5)',
  async ({ client, ledger, effect }) => {
    const [one, two] = [client(), client()];
    const run = (on, options) => on.withIdempotency('k', effect('k', 'paid'), options);
    await run(one, first);
    const before = await two.inspect({ key: 'k' });
    for (const on of [two, one]) {
      const refused = await run(on, other).catch((error) => error);
      const { code, name, retryable, hash } = refused;
      assert.deepEqual([code, name, retryable, hash], ['ERR_KEY_REUSED', 'KeyReusedError', false, before.hash]);
      assert.equal(await run(on, equal), 'paid');
    }
    assert.equal(ledger.count('k'), 1);
    const after = await two.inspect({ key: 'k' });
    assert.deepEqual({ ...after, expiresInMs: 0 }, { ...before, expiresInMs: 0 });
  },
);

onEachStore('C14 a released key belongs to the payload that claims it next', async ({ client, ledger, effect }) => {
  const [one, two] = [client(), client()];
  await reach.released(one, 'k', first);
  assert.equal(await two.withIdempotency('k', effect('k', 'second'), other), 'second');
  await assert.rejects(one.withIdempotency('k', effect('k'), first), { code: 'ERR_KEY_REUSED' });
  assert.equal(await one.withIdempotency('k', effect('k'), other), 'second');
  assert.equal(ledger.count('k'), 1);
});

onEachStore(
  'C14 (RF1) another payload is refused at once, while a duplicate with the same one waits (B6)',
  async ({ client }) => {
    const [owner, asker] = [client(), client()];
    const run = heldRun();
    const owned = owner.withIdempotency('k', run.fn, first);
    await run.started;
    const waiting = [owner, asker].map((on) => on.withIdempotency('k', () => 'ran', equal));
    for (const on of [owner, asker]) {
      await assert.rejects(
        on.withIdempotency('k', () => 'ran', other),
        { code: 'ERR_KEY_REUSED' },
      );
    }
    run.returns('paid');
    assert.deepEqual(await Promise.all([owned, ...waiting]), ['paid', 'paid', 'paid']);
  },
);

onEachStore(
  'C14 callers of one tick with different payloads do not share a claim',
  async ({ client, ledger, effect }) => {
    const actonce = client();
    const calls = [first, other, equal, other].map(({ payload }) =>
      actonce.withIdempotency('k', async (ctx) => effect('k', payload.total)(ctx), { payload }),
    );
    const settled = await Promise.allSettled(calls);
    const ended = settled.map(({ value, reason }) => value ?? reason.code);
    const [winner] = ledger.entries('k');
    assert.equal(winner.attempt, 1);
    assert.equal(ledger.count('k'), 1);
    const refused = 'ERR_KEY_REUSED';
    assert.ok(
      [
        [1_000, refused, 1_000, refused],
        [refused, 1_001, refused, 1_001],
      ].some((allowed) => allowed.every((answer, index) => answer === ended[index])),
      `${ended}`,
    );
  },
);

onEachStore('C14 who waited and then finds another payload at the key is refused', async (world) => {
  const { t, client, redis } = world;
  const [owner, successor] = [client(), client()];
  const proxy = redis && (await startProxy({ to: redis.target }));
  t.after(() => proxy?.close());
  const { run, call } = await reach.processing(owner, 'k', first);
  const events = [];
  const waiting = client(proxy ? { url: proxy.url } : {});
  waiting.on(({ type }) => events.push(type));
  const waited = waiting.withIdempotency('k', () => 'ran', equal);
  // It has asked, subscribed, and asked again; what it hears from here on comes late.
  if (proxy) await eventually(() => proxy.replies.EVALSHA === 2);
  proxy?.mode('delay', { ms: 200 });
  const decided = successor.reset({ key: 'k' }, { force: true });
  const second = await reach.processing(successor, 'k', other);
  assert.equal(await decided, 'reset');
  await assert.rejects(waited, { code: 'ERR_KEY_REUSED' });
  assert.deepEqual(events, ['waited', 'mismatch']);
  second.run.returns('second');
  assert.equal(await second.call, 'second');
  run.returns('late');
  await assert.rejects(call, { code: 'ERR_LEASE_LOST' });
});

onEachStore(
  'E14 a fingerprint that is a promise is refused, and its rejection is left to nobody',
  async ({ client, effect }) => {
    const fingerprint = async () => {
      throw new Error('no session');
    };
    const call = client().withIdempotency('k', effect('k'), { ...first, fingerprint });
    await assert.rejects(call, { code: 'ERR_INVALID_ARGUMENT' });
    // Node tells of unhandled rejections after the turn; support/actonce.mjs fails the file then.
    await new Promise(setImmediate);
  },
);
