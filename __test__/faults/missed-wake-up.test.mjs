// Scenario I8: a wake-up may be missed, forbidden or lost. There is a poll under it, and it knows how urgent it is.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';
import { startProxy } from '../support/proxy.mjs';
import { startRedis } from '../support/redis.mjs';

const executors = ['loop', 'thread'];
const rights = '~actonce:* +@all';
const users = [`mute on >secret ${rights} resetchannels`, `hears on >secret ${rights} &actonce:*`];

/** A server with both users, the waiter behind a proxy, and an owner whose run is in flight. */
async function open(t, executor, { owner: owners, waiter: waiters } = {}) {
  const redis = await startRedis({ listen: 'tcp', users });
  t.after(() => redis.stop());
  const proxy = await startProxy({ to: redis.target });
  t.after(() => proxy.close());
  const urlFor = (user, { host, port }) => `redis://${user ? `${user}:secret@` : ''}${host}:${port}`;
  const urls = [urlFor(owners, redis.target), urlFor(waiters, proxy.target)];
  const [owner, waiter] = urls.map((url) => createClient({ url, executor }));
  t.after(() => Promise.all([owner, waiter].map((client) => client.close({ graceMs: 0 }))));
  const run = heldRun();
  const owned = owner.withIdempotency('k', run.fn);
  await run.started;
  const join = () => waiter.withIdempotency.outcome('k', () => 'ran');
  return { redis, proxy, run, owned, join };
}

/** The waiter has found the run in flight, can hear, and has looked once more: only a wake-up or a poll tells it now. */
const isWaiting = (proxy) => eventually(() => proxy.replies.EVALSHA === 2, { what: 'the waiter waiting' });
const replayed = { status: 'replayed', kind: 'value', attempt: 1, value: 'paid' };

for (const executor of executors) {
  it(`I8 a client that may not subscribe polls ten times a second [${executor}]`, async (t) => {
    const { redis, proxy, run, owned, join } = await open(t, executor, { owner: 'mute', waiter: 'mute' });
    const duplicate = join();
    // Four polls at a hundred milliseconds each; at the slow pace they take four seconds.
    await eventually(() => proxy.replies.EVALSHA >= 5, { withinMs: 2_500, what: 'the fourth poll' });
    run.returns('paid');
    assert.equal(await owned, 'paid');
    assert.deepEqual(await duplicate, replayed);
    assert.equal(proxy.requests.SUBSCRIBE, 1, 'it was refused once and does not ask again with every poll');
    assert.match(await redis.send('INFO', 'commandstats'), /cmdstat_subscribe:.*rejected_calls=1/);
  });

  it(`I8 an owner that may not publish is found by the slow poll [${executor}]`, async (t) => {
    const { proxy, run, owned, join } = await open(t, executor, { owner: 'mute', waiter: 'hears' });
    const duplicate = join();
    await isWaiting(proxy);
    run.returns('paid');
    assert.equal(await owned, 'paid', 'the outcome is recorded though nobody could be told');
    assert.deepEqual(await duplicate, replayed);
  });

  it(`I8 a wake-up that is lost on its way is found by the slow poll [${executor}]`, async (t) => {
    const { proxy, run, owned, join } = await open(t, executor);
    const lost = proxy.fault('drop-message', { on: 'MESSAGE' });
    const duplicates = Array.from({ length: 20 }, join);
    await isWaiting(proxy);
    run.returns('paid');
    assert.equal(await owned, 'paid');
    await lost.struck;
    for (const { value } of await Promise.all(duplicates)) assert.equal(value, 'paid');
    assert.equal(proxy.replies.EVALSHA, 3, 'one poll for all of them');
  });

  it(`I8 a waiter whose connection broke listens on the next one [${executor}]`, async (t) => {
    const { proxy, run, owned, join } = await open(t, executor);
    const duplicate = join();
    await isWaiting(proxy);
    proxy.cut();
    await eventually(() => proxy.replies.SUBSCRIBE === 2, { what: 'the second subscription' });
    run.returns('paid');
    assert.equal(await owned, 'paid');
    assert.deepEqual(await duplicate, replayed);
  });
}
