// Our own errors, where a function throws them: recorded, they come back as they were; passing through an outer call,
// they are told as the inner call's.
import assert from 'node:assert/strict';
import * as actonce from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { difference } from '../support/same-graph.mjs';

const { isActonceError, ActonceError } = actonce;
const { onEachStore } = conformance(actonce.createClient);

/** One of each class, as they come. */
const OWN = {
  ActonceError: new ActonceError('ERR_STORE_UNAVAILABLE', { detail: 'x', hash: 'h', retryAfterMs: 5 }),
  KeyReusedError: new actonce.KeyReusedError({ hash: 'h' }),
  InvalidInputError: new actonce.InvalidInputError([{ message: 'at least one', path: ['bags'] }]),
  InProgressError: new actonce.InProgressError({ retryAfterMs: 9 }),
  QuotaError: new actonce.QuotaError({ retryAfterMs: 9 }),
  IndeterminateError: new actonce.IndeterminateError(7, new Date(1)),
  LeaseLostError: new actonce.LeaseLostError('max-lease', { value: { id: 'o-1' }, hasValue: true }),
  ResultUnavailableError: new actonce.ResultUnavailableError('too-large', undefined, { cause: new Error('why') }),
};

for (const [name, error] of Object.entries(OWN)) {
  onEachStore(`${name} recorded as the outcome comes back as one`, async ({ client, ledger, effect }) => {
    const defaults = { onError: 'record' };
    const [one, two] = [client({ defaults }), client({ defaults })];
    const run = (on) => on.withIdempotency('k', (ctx) => effect('k')(ctx) ?? Promise.reject(error));
    await assert.rejects(run(one), (thrown) => thrown === error);
    for (const on of [two, one]) {
      await assert.rejects(run(on), (replayed) => {
        assert.ok(isActonceError(replayed, error.code));
        assert.equal(Object.getPrototypeOf(replayed), Object.getPrototypeOf(error));
        assert.equal(difference(replayed, error), undefined);
        assert.equal(replayed.name, name);
        return true;
      });
    }
    assert.equal(ledger.count('k'), 1);
  });
}

onEachStore("a state machine's refusal recorded as the outcome comes back as one", async ({ client }) => {
  const defaults = { onError: 'record' };
  const [one, two] = [client({ defaults }), client({ defaults })];
  const payment = actonce.defineStateMachine(paymentConfig, { client: one });
  await payment.create('p-1');
  const run = (on) => on.withIdempotency('k', (ctx) => ctx.transition(payment, 'p-1', 'COMPLETE'));
  const first = await run(one).catch((error) => error);
  assert.equal(first.code, 'ERR_INVALID_TRANSITION');
  await assert.rejects(run(two), (replayed) => {
    assert.ok(isActonceError(replayed, 'ERR_INVALID_TRANSITION'));
    assert.ok(replayed instanceof actonce.InvalidTransitionError);
    assert.deepEqual(replayed.allowed, first.allowed);
    return true;
  });
});

onEachStore("a class of the application that is named like one of ours stays the application's", async ({ client }) => {
  class QuotaError extends Error {
    left = 0;
  }
  const options = { errors: [QuotaError], defaults: { onError: 'record' } };
  const [one, two] = [client(options), client(options)];
  for (const [key, error] of [
    ['theirs', new QuotaError('of the provider')],
    ['ours', new actonce.QuotaError({ retryAfterMs: 1 })],
  ]) {
    await assert.rejects(one.withIdempotency(key, () => Promise.reject(error)));
    await assert.rejects(
      two.withIdempotency(key, () => 1),
      (replayed) => {
        assert.equal(Object.getPrototypeOf(replayed), Object.getPrototypeOf(error));
        return true;
      },
    );
  }
  const plain = client();
  await assert.rejects(
    plain.withIdempotency('theirs', () => 1),
    (replayed) => !isActonceError(replayed),
  );
});

onEachStore("what an inner call refuses does not reach the browser as the outer call's refusal", async ({ client }) => {
  const outer = client();
  const inner = client();
  await inner.withIdempotency('inner', () => 1, { payload: 1 });
  const run = (key, options) =>
    outer.withIdempotency(key, () => inner.withIdempotency('inner', () => 1, { payload: 2 }), options);
  await assert.rejects(run('k', {}), ({ code, digest }) => {
    assert.deepEqual([code, digest], ['ERR_KEY_REUSED', '']);
    return true;
  });
  // Of one call alone it is its own.
  const alone = inner.withIdempotency('inner', () => 1, { payload: 2 });
  await assert.rejects(alone, { digest: /^ACTONCE;ERR_KEY_REUSED;0;[\w-]{22}$/ });
  // A lost lease is this call's own, whoever throws it.
  await assert.rejects(
    outer.withIdempotency('own', (ctx) => {
      throw new actonce.LeaseLostError('expired', { hash: ctx.hash });
    }),
    { digest: /^ACTONCE;ERR_LEASE_LOST;0;[\w-]{22}$/ },
  );
});
