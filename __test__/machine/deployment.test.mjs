// While a deployment rolls, two versions of a config look at the same instances: neither takes away the other's timers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createTestClient } from '../../dist/testing.cjs';
import { createClient, defineStateMachine, drainStateMachines } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const MS = 60;
const HOUR_MS = 3_600_000;
const never = { on: { GO: 'checking', SKIP: 'waiting' } };

/** What runs today: it has no state `checking`, and `waiting` has no time limit. */
const older = {
  id: 'refund',
  initial: 'asked',
  states: { asked: { on: { SKIP: 'waiting' } }, waiting: { on: { PAY: 'paid' } }, paid: { type: 'final' } },
};

/** What is deployed: one more state, and a time limit for a state that had none. */
const newer = (ms = MS) => ({
  id: 'refund',
  initial: 'asked',
  states: {
    asked: never,
    checking: { on: { PAY: 'paid' }, after: { [ms]: 'paid' } },
    waiting: { on: { PAY: 'paid' }, after: { [ms]: 'paid' } },
    paid: { type: 'final' },
  },
});

/** Drains as a process with this config would: the config that was defined last replaces the others. */
async function drainBy(config, client) {
  const machine = defineStateMachine(config, { client });
  return { machine, ...(await drainStateMachines({ client })) };
}

for (const [event, what] of [
  ['GO', 'a state that the older version does not know'],
  ['SKIP', 'a state whose time limit the older version does not know'],
]) {
  onEachStore(
    `S77 ${what}: the older version's drain leaves the timer, and the newer one's fires it`,
    async (world) => {
      const client = world.client();
      const { machine } = await drainBy(newer(), client);
      await machine.send('r-1', event, { create: true });
      await pause(MS + 40);
      for (let time = 0; time < 2; time += 1) assert.equal((await drainBy(older, client)).fired, 0);
      assert.equal((await drainBy(newer(), client)).fired, 1);
      assert.equal((await machine.get('r-1')).state, 'paid');
      assert.equal((await drainBy(newer(), client)).fired, 0);
    },
  );
}

onEachStore('S77 hundreds that a version does not know do not keep it from firing what it knows', async (world) => {
  const client = world.client();
  const { machine } = await drainBy(newer(), client);
  const ids = Array.from({ length: 2_000 }, (_, n) => `r-${n}`);
  await Promise.all(ids.map((id) => machine.send(id, 'GO', { create: true })));
  await pause(MS);
  // In another state of the same machine, whose timer this version knows; due after all of them.
  const known = { ...older, states: { ...older.states, waiting: { on: { PAY: 'paid' }, after: { [MS]: 'paid' } } } };
  const late = ids.slice(0, 200).map((id) => `late-${id}`);
  await Promise.all(late.map((id) => machine.send(id, 'SKIP', { create: true })));
  await pause(MS + 40);
  assert.equal((await drainBy(known, client)).fired, 200);
  assert.equal((await drainBy(newer(), client)).fired, 2_000);
});

onEachSharedStore('an instance of a later version of the layout stops no drain, and stays listed', async (world) => {
  const client = world.client();
  const { machine } = await drainBy(newer(), client);
  for (const id of ['r-1', 'r-2']) await machine.send(id, 'GO', { create: true });
  const [key] = await world.redis.send('KEYS', `${world.options.prefix}:*:m:refund:r-1`);
  const head = await world.redis.send('HGET', key, 'head');
  await world.redis.send('HSET', key, 'head', `m2${head.slice(2)}`);
  await pause(MS + 40);
  assert.equal((await drainBy(newer(), client)).fired, 1);
  assert.equal((await machine.get('r-2')).state, 'paid');
  await world.redis.send('HSET', key, 'head', head);
  assert.equal((await drainBy(newer(), client)).fired, 1);
});

onEachSharedStore('an instance that was deleted stops no drain, and is no longer listed', async (world) => {
  const client = world.client();
  const { machine } = await drainBy(newer(), client);
  for (const id of ['r-1', 'r-2']) await machine.send(id, 'GO', { create: true });
  await world.redis.send('DEL', ...(await world.redis.send('KEYS', `${world.options.prefix}:*:m:refund:r-1`)));
  await pause(MS + 40);
  assert.equal((await drainBy(newer(), client)).fired, 1);
  assert.deepEqual(await world.redis.send('KEYS', `${world.options.prefix}:*:due:*`), []);
});

test('an instance whose time limit was removed stays listed for a day', async (t) => {
  const client = createTestClient();
  t.after(() => client.close());
  const { machine } = await drainBy(newer(HOUR_MS), client);
  await machine.send('r-1', 'SKIP', { create: true });
  await client.advance(24 * HOUR_MS);
  assert.equal((await drainBy(older, client)).fired, 0);
  assert.equal(
    (await drainBy(newer(25 * HOUR_MS), client)).fired,
    0,
    'not yet due by a longer one, which lists it anew',
  );
  await client.advance(2 * HOUR_MS);
  await drainBy(older, client);
  assert.equal((await drainBy(newer(HOUR_MS), client)).fired, 1, 'listed still, an hour after it was due');

  await machine.send('r-2', 'SKIP', { create: true });
  await client.advance(26 * HOUR_MS);
  await drainBy(older, client);
  assert.equal((await drainBy(newer(HOUR_MS), client)).fired, 0, 'a day after it was due it is taken off the list');
  assert.equal((await machine.get('r-2')).state, 'paid', 'who looks fires it all the same');
});
