// An error that was recorded is an outcome: once the page has seen it, the next try is a new intent. One that was released
// or held is none: the key stays, or a timeout at the provider would be charged twice.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { calling, counted } from '../support/counted-action.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { next } from '../support/next.mjs';

const { readProblem } = next;

class CardDeclined extends Error {
  name = 'CardDeclined';
}

/** An action that always fails, behind the hook for event handlers; the keys that reached it. */
function failing(t, id, options, thrown = () => new CardDeclined('no')) {
  const { action, calls, client } = counted(t, options, () => {
    throw thrown();
  });
  const keys = [];
  const order = calling(
    (key, input) => {
      keys.push(key);
      return action(key, input);
    },
    { id },
  );
  const fails = async () => order({ bags: 2 }).then(assert.fail, (error) => error);
  return { fails, keys, calls, client, action };
}

describe('a recorded error', () => {
  it('counts as seen: the same order sent again later is a new one', async (t) => {
    const { fails, keys, calls } = failing(t, 'recorded', { onError: 'record' });
    const error = await fails();
    assert.ok(error instanceof CardDeclined);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await fails();
    assert.notEqual(keys[0], keys[1]);
    assert.equal(calls.length, 2);
  });

  it('is marked on every way it reaches a page: first, joined, replayed, from the cache', async (t) => {
    const { action, calls } = failing(t, 'x', { onError: 'record' });
    const both = [action('k', 1), action('k', 1)].map((one) => one.then(assert.fail, (error) => error));
    const errors = [...(await Promise.all(both)), await action('k', 1).then(assert.fail, (error) => error)];
    assert.equal(calls.length, 1);
    for (const { digest } of errors) assert.match(digest, /^ACTONCE_OUTCOME;[0-9a-z]+$/);
    for (const error of errors) assert.equal(readProblem(error), undefined, 'it is no problem of ours');
  });

  it('is marked for the key that it is thrown for, though one object is thrown for two', async (t) => {
    const declined = new Error('declined');
    const { action } = failing(t, 'x', { onError: 'record' }, () => declined);
    const digestFor = (key) => action(key, 1).then(assert.fail, ({ digest }) => digest);
    assert.notEqual(await digestFor('a'), await digestFor('b'));
  });

  it('keeps a digest of its own', async (t) => {
    const own = () => Object.assign(new Error('no'), { digest: 'DECLINED' });
    const { fails } = failing(t, 'own digest', { onError: 'record' }, own);
    assert.equal((await fails()).digest, 'DECLINED');
  });

  it('that cannot be marked is thrown as it is', async (t) => {
    for (const thrown of ['a text', null, Object.freeze(new Error('frozen'))]) {
      const { action } = failing(t, 'x', { onError: 'record' }, () => thrown);
      assert.equal(await action('k', 1).then(assert.fail, (error) => error), thrown);
    }
  });
});

describe('an error that is no outcome', () => {
  for (const onError of ['release', 'hold', undefined, () => 'release']) {
    it(`keeps the key, with onError ${String(onError)}`, async (t) => {
      const { fails, keys } = failing(t, `kept ${String(onError)}`, { onError });
      assert.equal((await fails()).digest, undefined);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await fails();
      assert.equal(keys[0], keys[1]);
    });
  }

  it('keeps the key though the same object was recorded for another key before', async (t) => {
    const declined = new Error('declined');
    let onError = 'record';
    const { fails, keys } = failing(t, 'shared', { onError: () => onError }, () => declined);
    await fails();
    onError = 'release';
    await new Promise((resolve) => setTimeout(resolve, 5));
    await fails();
    assert.equal(declined.digest, undefined);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await fails();
    assert.notEqual(keys[0], keys[1]);
    assert.equal(keys[1], keys[2]);
  });

  it('keeps the key when the store could not record it', async (t) => {
    const { fails, keys, client } = failing(t, 'unrecorded', { onError: 'record', recordTimeoutMs: 50 }, () => {
      client.failStore();
      return new Error('no');
    });
    assert.equal((await fails()).digest, undefined);
    client.restoreStore();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await fails();
    assert.equal(keys[0], keys[1]);
  });

  it('keeps the key of an unprotected run', async (t) => {
    const { action } = failing(t, 'x', { onError: 'record', missingKey: 'run' });
    assert.equal((await action(null, 1).then(assert.fail, (error) => error)).digest, undefined);
  });
});

it('an outcome says whether its error is recorded', async (t) => {
  const { client } = counted(t);
  const declined = new Error('declined');
  const outcome = (key, onError) =>
    client.withIdempotency.outcome(
      key,
      async () => {
        throw declined;
      },
      { scope: 's', onError },
    );
  const first = await outcome('a', 'record');
  assert.deepEqual(first, { status: 'executed', kind: 'error', attempt: 1, error: declined, recorded: true });
  assert.deepEqual(
    [(await outcome('a', 'record')).recorded, (await outcome('a', 'record')).status],
    [true, 'replayed'],
  );
  for (const onError of ['release', 'hold']) assert.equal((await outcome(onError, onError)).recorded, false);
  const [runs, joins] = await Promise.all([outcome('b', 'record'), outcome('b', 'record')]);
  assert.deepEqual([runs.recorded, joins.status, joins.recorded], [true, 'joined', true]);
  const [, released] = await Promise.all([outcome('c', 'release'), outcome('c', 'release')]);
  assert.deepEqual([released.status, released.recorded], ['joined', false]);
  // As another process gets it that waited.
  const [here, there] = [1, 2].map(() => createClient({ url: 'memory:recorded' }));
  t.after(() => Promise.all([here.close(), there.close()]));
  const finish = gate();
  const fails = here.withIdempotency('d', () => finish.promise, { scope: 's' }).catch((error) => error);
  const waits = there.withIdempotency.outcome('d', () => assert.fail('it ran'), { scope: 's' });
  await eventually(async () => (await here.inspect({ key: 'd', scope: 's' }))?.state === 'processing');
  await new Promise((resolve) => setTimeout(resolve, 20));
  finish.reject(declined);
  assert.equal(await fails, declined);
  const { status, recorded, error } = await waits;
  assert.deepEqual([status, recorded, error.message], ['replayed', false, 'declined']);
});
