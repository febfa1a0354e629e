// Scenarios I1 to I3: a duplicate of a run in another process waits for its outcome, whatever that is, and is woken the
// moment it is there. The other processes are real ones.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { gate } from '../support/gate.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { queueUp } from '../support/queue.mjs';
import { startWorker } from '../support/worker.mjs';

const { onEachSharedStore, onEachSharedStoreAndPolicy } = conformance(createClient);
const until = (word) => [{ effect: true }, { say: 'started' }, { wait: word }];

onEachSharedStoreAndPolicy(
  'RA1 a second process, a moment later: it waits for the result, or is told when to ask',
  async (world) => {
    const { t, options, ledger } = world;
    const workers = await Promise.all([1, 2].map(() => startWorker({ client: options, ledger })));
    t.after(() => Promise.all(workers.map((worker) => worker.kill())));
    const [first, second] = workers;
    const steps = [{ effect: true }, { say: 'in' }, { sleepMs: 300 }, { return: { order: 'o-1' } }];
    const owned = first.call({ key: 'k', steps });
    await owned.said('in');
    const refused = await second.call({ key: 'k', steps, options: { onDuplicate: 'reject' } }).result;
    assert.equal(refused.error.code, 'ERR_IN_PROGRESS');
    assert.ok(refused.error.retryAfterMs > 0, `${refused.error.retryAfterMs} ms`);
    const waited = await second.call({ key: 'k', steps }).result;
    assert.deepEqual([(await owned.result).value, waited.value], [{ order: 'o-1' }, { order: 'o-1' }]);
    assert.equal(ledger.count('k'), 1);
  },
);

onEachSharedStore('who would wait as long as an option can say is not refused at once', async ({ client }) => {
  const [owner, rival] = [client(), client()];
  const started = gate();
  const held = gate();
  const owned = owner.withIdempotency('k', () => {
    started.resolve();
    return held.promise;
  });
  await started.promise;
  const waitTimeoutMs = 2_147_483_647;
  // The longest that an option can say is the longest of Node's timers, and a clock that is read as a fraction made it
  // longer: one call in four was refused.
  const all = Array.from({ length: 40 }, () => rival.withIdempotency('k', () => 'ran', { waitTimeoutMs }));
  const refused = await Promise.race([Promise.all(all.map((call) => call.catch((error) => error.code))), pause(300)]);
  assert.equal(refused, undefined, String(refused));
  held.resolve('paid');
  assert.deepEqual(new Set(await Promise.all([owned, ...all])), new Set(['paid']));
});

onEachSharedStore(
  'I1 (RA2) eight hundred duplicates in four processes cost a few commands per process',
  async (world) => {
    const monitor = await startMonitor(world.redis);
    world.t.after(() => monitor.stop());
    const owner = [...until('go on'), { return: { order: 'o-1' } }];
    const { owned, joined, waiting } = await queueUp(world, { processes: 3, callers: 200, owner, outcome: true });
    owned.tell('go on');
    const inOwnersProcess = await Promise.all(joined);
    const inOthers = await Promise.all(waiting);
    const outcome = (status) => ({ status, kind: 'value', attempt: 1, value: { order: 'o-1' } });
    assert.deepEqual((await owned.result).value, outcome('executed'));
    for (const { value } of inOwnersProcess) assert.deepEqual(value, outcome('joined'));
    const bySubscribers = inOthers.map(({ value }) => value);
    // In each process one asks for all, and the others join it or find what it found.
    for (const value of bySubscribers) assert.deepEqual({ ...value, status: '' }, outcome(''));
    assert.deepEqual([inOwnersProcess.length, inOthers.length, world.ledger.count('k')], [200, 600, 1]);

    const commands = await monitor.commands();
    const { EVALSHA, SUBSCRIBE } = await monitor.wire();
    const claims = commands.filter(({ name, args, from }) => name === 'SET' && args.includes('NX') && from !== 'lua');
    // Before Redis 7 a claim is a script, and so the first question of those who wait.
    const isScripted = claims.length === 0;
    assert.ok(isScripted || claims.length === 4, `${claims.length} claims in four processes`);
    assert.equal(SUBSCRIBE, 3, 'one subscription per process');
    // The owner completes. The others ask when they find it running, when they can hear, and when they have heard, if the
    // question before had not found the outcome; some slow polls may come in on a slow machine.
    const scripts = EVALSHA - (isScripted ? 1 : 0);
    assert.ok(scripts >= 1 + 3 * 2 && scripts <= 1 + 3 * 8, `${scripts} scripts`);
    const woken = commands.find(({ name }) => name === 'PUBLISH');
    const lastQuestion = commands.findLast(({ name, from }) => name === 'EVALSHA' && from !== 'lua');
    // By the slow poll the last one would have come most of a second later.
    const lateMs = lastQuestion.atMs - woken.atMs;
    assert.ok(lateMs > 0 && lateMs < 500, `${lateMs} ms from the wake-up to the last question`);
  },
);

onEachSharedStoreAndPolicy(
  'I2 when the owner is killed while others wait, its policy decides for all',
  async (world) => {
    const { ledger, onCrash } = world;
    const options = { leaseMs: 600, onCrash };
    const waiter = [{ effect: true }, { sleepMs: 50 }, { return: 'of the heir' }];
    const plan = { processes: 3, callers: 5, options, owner: until('doomsday'), waiter, outcome: true };
    const { owner, waiting } = await queueUp(world, plan);
    await owner.kill();
    const results = await Promise.all(waiting);
    const [first, second] = ledger.entries('k');
    if (onCrash === 'hold') {
      for (const { error } of results) assert.deepEqual([error.code, error.fence], ['ERR_INDETERMINATE', first.fence]);
      assert.equal(ledger.count('k'), 1);
      return;
    }
    assert.equal(ledger.count('k'), 2, 'exactly one takes over');
    assert.ok(second.attempt === 2 && second.fence > first.fence && second.pid !== first.pid);
    const [run] = results.flatMap(({ runs }) => runs);
    assert.equal(run.recovered, true);
    for (const { value } of results) assert.deepEqual([value.value, value.attempt], ['of the heir', 2]);
    assert.equal(results.filter(({ value }) => value.status === 'executed').length, 1);
  },
);

const declined = { name: 'CardError', message: 'declined', code: 'card_declined', details: { tries: 3 } };
const shared = { release: 'released', record: 'failed' };
for (const [onError, state] of Object.entries(shared)) {
  onEachSharedStore(`I3 who waited gets the error of a run that ends by ${onError}`, async (world) => {
    const { client, ledger } = world;
    const owner = [...until('fail'), { throw: declined }];
    const waiter = [{ effect: true }, { return: 'ran' }];
    const plan = { processes: 2, callers: 5, options: { onError }, owner, waiter };
    const { owned, joined, waiting, others } = await queueUp(world, plan);
    owned.tell('fail');
    const [first, ...duplicates] = await Promise.all([owned.result, ...joined, ...waiting]);
    assert.equal(first.error.code, declined.code);
    for (const { error, runs } of duplicates) assert.deepEqual([error, runs], [declined, []]);
    assert.equal((await client().inspect({ key: 'k' })).state, state);
    // Only a call that comes later runs again, and only where nothing was recorded.
    const later = await others[0].call({ key: 'k', steps: waiter }).result;
    if (onError === 'record') assert.deepEqual(later.error, declined);
    else assert.deepEqual([later.value, later.runs[0].attempt, later.runs[0].recovered], ['ran', 2, false]);
    assert.equal(ledger.count('k'), onError === 'record' ? 1 : 2);
  });
}

onEachSharedStore('I3 who waited for a run that ends by hold is told that nobody knows', async (world) => {
  const owner = [...until('fail'), { throw: declined }];
  const plan = { processes: 2, callers: 5, options: { onError: 'hold' }, owner };
  const { owned, joined, waiting } = await queueUp(world, plan);
  owned.tell('fail');
  for (const { error } of await Promise.all(waiting)) assert.equal(error.code, 'ERR_INDETERMINATE');
  // In its own process the error itself is at hand.
  for (const { error } of await Promise.all(joined)) assert.deepEqual(error, declined);
  assert.equal(world.ledger.count('k'), 1);
});
