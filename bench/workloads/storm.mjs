// Many calls of one key while its fn runs, in one process and spread over several; for those who wait for it.
import { percentile } from '../meter.mjs';
import { keyOf } from '../order.mjs';
import { tenths, whole } from '../results.mjs';
import { freshSlice } from '../team.mjs';

const CALLS = 200;
const WORK_MS = 50;

async function membersOf(team, processes) {
  const members = [];
  for (let n = 0; n < processes; n++) members.push(await team.member(n));
  return members;
}

async function storm(team, processes) {
  const members = await membersOf(team, processes);
  const request = { key: keyOf(freshSlice(), 0), calls: CALLS / processes, workMs: WORK_MS };
  const { value, commands } = await team.redis.slowLog(() =>
    Promise.all(members.map((member) => member.ask('joined', request))),
  );
  const executions = value.reduce((sum, answer) => sum + answer.executions, 0);
  if (executions !== 1) throw new Error(`ran ${executions} times for one key`);
  const sorted = value.flatMap(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), commands };
}

const stormOf = (processes, takes) => ({
  id: `storm${processes}`,
  title: processes === 1 ? 'in one process' : `over ${processes} processes`,
  takes,
  measure: (team) => storm(team, processes),
});

export const STORM = {
  name: 'storm',
  title: `${CALLS} duplicates of a call of ${WORK_MS} ms`,
  says: 'All at once, for those who wait for its outcome. The others refuse them, or say that they are in progress.',
  columns: [
    ['p50 ms', 'p50Ms', tenths],
    ['p99 ms', 'p99Ms', tenths],
    ['commands', 'commands', whole],
  ],
  takes: ({ waits }) => waits,
  points: [stormOf(1), stormOf(4, ({ embedded }) => !embedded)],
  async warmUp(team, { warmUpOps }) {
    const processes = team.contestant.embedded ? 1 : 4;
    for (const member of await membersOf(team, processes)) {
      await member.ask('load', { slice: freshSlice(), inFlight: 64, maxOps: warmUpOps / 10 });
    }
    await storm(team, processes);
  },
};
