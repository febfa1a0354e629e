// Calls whose outcome is already recorded.
import { freshSlice } from '../team.mjs';
import { LOAD_COLUMNS, loaded } from './loaded.mjs';

const IN_FLIGHT = 64;
/** Few enough for a cache of recent outcomes to hold them all. */
const CACHED_KEYS = 400;
/** Replays store nothing: an upper bound for the latencies that are kept. */
const MAX_CACHED_OPS = 1_000_000;

/** `recorder` runs the keys, which is not measured; then the first process, which V8 knows best, gets the same. */
async function replay(team, recorder, keys, more) {
  const request = { slice: freshSlice(), inFlight: IN_FLIGHT, maxOps: keys };
  await recorder.ask('load', request);
  const { executions, figures } = await loaded(team, await team.member(0), { ...request, ...more });
  if (executions > 0) throw new Error(`ran ${executions} times what had been completed`);
  return figures;
}

const elsewhere = async (team, keys) => replay(team, await team.member(1), keys);

export const REPLAY_ELSEWHERE = {
  name: 'replay elsewhere',
  title: 'Replays from another process',
  says: 'What one process recorded is called in another: each key once, 64 in flight.',
  columns: LOAD_COLUMNS,
  takes: ({ embedded }) => !embedded,
  points: [{ id: 'replayElsewhere', measure: (team, form) => elsewhere(team, form.replayedOps) }],
  warmUp: (team, form) => elsewhere(team, form.warmUpOps / 4),
};

const here = async (team, limits) => replay(team, await team.member(0), CACHED_KEYS, { keys: CACHED_KEYS, ...limits });

export const REPLAY_HERE = {
  name: 'replay here',
  title: 'Replays from the same process',
  says:
    `The same ${CACHED_KEYS} keys again and again in the process that recorded them, 64 in flight. ` +
    'Only actonce answers them from a cache of its own.',
  columns: LOAD_COLUMNS,
  points: [
    { id: 'replayHere', measure: (team, { sliceMs }) => here(team, { forMs: sliceMs, maxOps: MAX_CACHED_OPS }) },
  ],
  warmUp: (team, { warmUpOps }) => here(team, { maxOps: warmUpOps / 2 }),
};
