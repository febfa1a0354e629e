// Test clients and what goes on beside them: the keeper's thread, which renews the same leases, and one another.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createTestClient } from '../../dist/testing.mjs';
import { close, withIdempotency } from '../support/actonce.mjs';
import { heldRun } from '../support/held-run.mjs';

it('a run keeps its lease when time leaps while the keeper renews it', async () => {
  let lost = 0;
  for (let n = 0; n < 1_000; n++) {
    const client = createTestClient();
    let finish;
    const run = client.withIdempotency(
      'k',
      ({ signal }) => {
        signal.onabort = () => lost++;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
      { scope: 's' },
    );
    await setTimeout(n % 3);
    for (let leap = 0; leap < 5; leap++) {
      await client.advance(170_000);
      await setImmediate();
    }
    finish('done');
    await run.catch(() => {});
    await client.close();
  }
  assert.equal(lost, 0);
});

it('test clients are put behind the functions that are imported by name, and taken away, in any order', async () => {
  const [one, two] = [createTestClient(), createTestClient()];
  one.useAsDefault();
  two.useAsDefault();
  await one.close();
  const run = (client) =>
    withIdempotency('k', () => 1, { scope: 's' }).then(() => client.inspect({ key: 'k', scope: 's' }));
  assert.equal((await run(two)).state, 'completed');
  await two.close();
  assert.equal(await withIdempotency('k', () => 'ran', { scope: 's' }), 'ran');
  await close();
});

it('a crashed owner says nothing more, however its function ends', async () => {
  const client = createTestClient();
  const events = [];
  client.on(({ type }) => events.push(type));
  for (const [key, end] of Object.entries({
    returns: () => 'paid',
    throws: () => Promise.reject(new Error('declined')),
  })) {
    const run = heldRun();
    const call = client.withIdempotency(key, (ctx) => run.fn(ctx).then(end), { scope: 's' });
    await run.started;
    client.crashOwner({ key, scope: 's' });
    await assert.rejects(call, { code: 'ERR_LEASE_LOST' });
    run.returns();
    await setImmediate();
    assert.deepEqual(events.splice(0), ['claimed', 'lease-lost']);
    assert.equal((await client.inspect({ key, scope: 's' })).state, 'processing');
  }
  await client.close();
});
