// Scenarios A6 to A8 as two processes see them: what becomes of the key when fn throws, and what later callers get.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { nextWarning } from '../support/warnings.mjs';

const { onEachStore, onEachStoreAndPolicy } = conformance(createClient);

class CardError extends Error {
  constructor(message, declineCode, options) {
    super(message, options);
    this.name = 'CardError';
    this.declineCode = declineCode;
  }

  get isFinal() {
    return this.declineCode === 'stolen';
  }
}

/** fn that leaves its effect, then throws. */
const failing =
  ({ effect }, thrown) =>
  (ctx) => {
    effect('k')(ctx);
    throw thrown;
  };

async function thrownBy(promise) {
  const none = Symbol('nothing thrown');
  const thrown = await promise.then(
    () => none,
    (error) => error,
  );
  assert.notEqual(thrown, none, 'it did not throw');
  return thrown;
}

onEachStoreAndPolicy(
  'A6, C3 (RF6) released: the caller gets the very error, the next call runs again',
  async (world) => {
    const { client, ledger, effect } = world;
    const [first, second] = [client(), client()];
    const error = new Error('declined');
    const call = first.withIdempotency('k', failing(world, error), { onError: 'release' });
    assert.equal(await thrownBy(call), error);
    const record = await first.inspect({ key: 'k' });
    assert.deepEqual([record.state, record.attempt, record.recovered], ['released', 1, false]);
    const again = await second.withIdempotency.outcome('k', effect('k', 'paid'));
    assert.deepEqual(again, { status: 'executed', kind: 'value', attempt: 2, value: 'paid' });
    const [one, two] = ledger.entries('k');
    assert.deepEqual([one.attempt, two.attempt, two.recovered], [1, 2, false]);
    assert.ok(two.fence > one.fence);
  },
);

onEachStoreAndPolicy('A6 (RF5) recorded: every later call throws an equal error and nothing runs', async (world) => {
  const { client, ledger } = world;
  const [first, second] = [client(), client()];
  const error = Object.assign(new RangeError('declined'), { code: 'card_declined' });
  const run = (on) => on.withIdempotency('k', failing(world, error), { onError: 'record' });
  assert.equal(await thrownBy(run(first)), error);
  assert.equal((await first.inspect({ key: 'k' })).state, 'failed');
  for (const on of [second, first]) {
    const replayed = await thrownBy(run(on));
    assert.notEqual(replayed, error);
    assert.deepEqual(replayed, error);
    const outcome = await on.withIdempotency.outcome('k', failing(world, error));
    assert.deepEqual(outcome, { status: 'replayed', kind: 'error', attempt: 1, error, recorded: true });
  }
  assert.equal(ledger.count('k'), 1);
});

onEachStoreAndPolicy('A6 (RF7) held: nothing runs until somebody says what came of it', async (world) => {
  const { client, ledger, effect } = world;
  const [first, second] = [client(), client()];
  const error = new Error('timeout of the provider');
  assert.equal(await thrownBy(first.withIdempotency('k', failing(world, error), { onError: 'hold' })), error);
  const [{ fence }] = ledger.entries('k');
  const { state, since } = await first.inspect({ key: 'k' });
  assert.equal(state, 'indeterminate');
  for (const on of [first, second]) {
    const refused = { code: 'ERR_INDETERMINATE', name: 'IndeterminateError', fence, since, retryable: false };
    await assert.rejects(on.withIdempotency('k', effect('k')), refused);
  }
  assert.equal(ledger.count('k'), 1);
});

onEachStoreAndPolicy('A6 (RF7) without onError a rerun releases and a hold holds', async (world) => {
  const actonce = world.client();
  await thrownBy(actonce.withIdempotency('k', failing(world, new Error('no'))));
  const expected = { rerun: 'released', hold: 'indeterminate' };
  assert.equal((await actonce.inspect({ key: 'k' })).state, expected[world.onCrash]);
});

onEachStoreAndPolicy('A6 onError may decide by the error', async (world) => {
  const actonce = world.client();
  const onError = (error) => error.decision;
  for (const [decision, state] of [
    ['release', 'released'],
    ['record', 'failed'],
    ['hold', 'indeterminate'],
  ]) {
    const error = Object.assign(new Error('declined'), { decision });
    assert.equal(await thrownBy(actonce.withIdempotency(decision, failing(world, error), { onError })), error);
    assert.equal((await actonce.inspect({ key: decision })).state, state);
  }
});

onEachStoreAndPolicy('A6 an onError that fails or answers nonsense leaves the default', async (world) => {
  const actonce = world.client();
  const error = new Error('declined');
  const decide = {
    throws: () => {
      throw new Error('in onError');
    },
    nonsense: () => 'retry',
    promise: async () => 'record',
    rejects: async () => {
      throw new Error('in onError, later');
    },
  };
  for (const [key, onError] of Object.entries(decide)) {
    const warned = nextWarning();
    assert.equal(await thrownBy(actonce.withIdempotency(key, failing(world, error), { onError })), error);
    assert.match((await warned).message, /^onError threw/);
    const expected = { rerun: 'released', hold: 'indeterminate' };
    assert.equal((await actonce.inspect({ key })).state, expected[world.onCrash], key);
  }
});

onEachStore('A7 a replayed error keeps what it says, what it carries and its registered class', async (world) => {
  const options = { errors: [CardError], defaults: { onError: 'record' }, cache: false };
  const actonce = world.client(options);
  const cause = Object.assign(new TypeError('socket'), { errno: -104 });
  const error = Object.assign(new CardError('declined', 'stolen', { cause }), {
    code: 'card_declined',
    digest: '123456',
    details: { tries: [1, 2], at: new Date(0), amount: 10n },
  });
  await thrownBy(actonce.withIdempotency('k', failing(world, error)));
  const replayed = await thrownBy(world.client(options).withIdempotency('k', failing(world, error)));
  assert.ok(replayed instanceof CardError);
  assert.equal(replayed.isFinal, true, "the class's own accessors work");
  const { name, message, code, digest, declineCode, details } = replayed;
  assert.deepEqual(
    { name, message, code, digest, declineCode, details },
    {
      name: 'CardError',
      message: 'declined',
      code: 'card_declined',
      digest: '123456',
      declineCode: 'stolen',
      details: error.details,
    },
  );
  assert.ok(replayed.cause instanceof TypeError);
  assert.deepEqual([replayed.cause.message, replayed.cause.errno], ['socket', -104]);
  assert.doesNotMatch(replayed.stack, /at failing/, 'the stack of the first run is not the stack of the replay');
});

onEachStore('A7 where the class is not registered, its name and fields are still there', async (world) => {
  const defaults = { onError: 'record' };
  const error = new CardError('declined', 'stolen');
  await thrownBy(world.client({ defaults }).withIdempotency('k', failing(world, error)));
  const replayed = await thrownBy(world.client({ defaults }).withIdempotency('k', failing(world, error)));
  assert.ok(replayed instanceof Error && !(replayed instanceof CardError));
  assert.deepEqual([replayed.name, replayed.message, replayed.declineCode], ['CardError', 'declined', 'stolen']);
});

const notErrors = { 'an object': { redirect: '/x' }, 'a string': 'no', undefined, null: null, 'a number': 0 };
for (const [name, thrown] of Object.entries(notErrors)) {
  onEachStore(`A8 ${name} that is thrown reaches every caller unchanged`, async (world) => {
    const { client, ledger } = world;
    const defaults = { onError: 'record' };
    const [first, second] = [client({ defaults }), client({ defaults })];
    const run = (on) => thrownBy(on.withIdempotency('k', async (ctx) => failing(world, thrown)(ctx)));
    const [executed, joined] = await Promise.all([run(first), run(first)]);
    assert.equal(executed, thrown);
    assert.equal(joined, thrown);
    assert.deepEqual(await run(first), thrown);
    assert.deepEqual(await run(second), thrown);
    assert.equal(ledger.count('k'), 1);
  });
}

for (const digest of ['NEXT_REDIRECT;push;/orders/7;307;', 'NEXT_HTTP_ERROR_FALLBACK;404']) {
  onEachStoreAndPolicy(
    `RF8 ${digest} is an outcome: thrown again with its digest, and nothing runs again`,
    async (world) => {
      const signal = Object.assign(new Error(digest.split(';', 1)[0]), { digest });
      const [one, two] = [world.client(), world.client()];
      assert.equal(await thrownBy(one.withIdempotency('k', failing(world, signal))), signal);
      for (const on of [two, one]) {
        const thrown = await thrownBy(on.withIdempotency('k', failing(world, new Error('again'))));
        assert.equal(thrown.digest, digest);
      }
      assert.equal((await two.inspect({ key: 'k' })).state, 'completed');
      assert.equal(world.ledger.count('k'), 1);
    },
  );
}
