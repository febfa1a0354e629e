// A run in flight in one process and callers that wait for it in others: the starting point of the tests about waiting.
import { eventually } from './eventually.mjs';
import { startWorker } from './worker.mjs';

/**
 * Starts an owner that has come to its step `{ say: 'started' }`, and in each further process so many callers behind it.
 * Resolves when every process has subscribed to the record, so that the next thing it hears is how the run ended.
 * @param owner steps of the owner's fn
 * @param waiter steps of the others' fn, should it ever run
 * @param outcome whether they ask for outcomes instead of values
 * @returns `owned` (a call), `owner` (its worker), `others`, `waiting` (results in the other processes) and `joined` (in
 * the owner's own)
 */
export async function queueUp({ t, options: client, servers, ledger }, plan) {
  const { processes, callers, options = {}, owner: ownersSteps, waiter: steps = [{ effect: true }] } = plan;
  const call = { key: 'k', options, outcome: plan.outcome ?? false };
  const workers = await Promise.all(Array.from({ length: processes + 1 }, () => startWorker({ client, ledger })));
  t.after(() => Promise.all(workers.map((worker) => worker.stop())));
  const [owner, ...others] = workers;
  const owned = owner.call({ ...call, steps: ownersSteps });
  await owned.said('started');
  const queue = (worker) => Array.from({ length: callers }, () => worker.call({ ...call, steps }).result);
  const joined = queue(owner);
  const waiting = others.flatMap(queue);
  // Those of a process that is killed reject, which interests only who asks for them.
  for (const result of [owned.result, ...joined, ...waiting]) result.catch(() => {});
  const onAll = (...command) => Promise.all(servers.map((server) => server.send(...command)));
  const [channel] = (await onAll('KEYS', `${client.prefix}:*`)).flat();
  const listening = async () => {
    const counts = await onAll('PUBSUB', 'NUMSUB', channel);
    return counts.reduce((sum, [, count]) => sum + count, 0) === processes;
  };
  await eventually(listening, { withinMs: 10_000, what: 'every process listening' });
  return { owner, others, owned, joined, waiting, channel };
}
