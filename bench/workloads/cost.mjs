// What an operation costs Redis, and a process before its first.
import { resultOf, USUAL_BYTES } from '../order.mjs';
import { hundredths, whole } from '../results.mjs';
import { freshSlice } from '../team.mjs';

/** Redis' own time and commands for fresh calls. */
async function ownTime(team, { countedOps }) {
  const process = await team.member(0);
  const load = () => process.ask('load', { slice: freshSlice(), inFlight: 64, maxOps: countedOps });
  const { commands, us } = await team.redis.ownTime(load);
  return { commands: commands / countedOps, redisUs: us / countedOps };
}

/** One record, alone in Redis. */
async function memory(team) {
  const process = await team.member(0);
  await team.redis.empty();
  await process.ask('load', { slice: freshSlice(), inFlight: 1, maxOps: 1 });
  const { record, plain } = await team.redis.recordBytes(JSON.stringify(resultOf(USUAL_BYTES)));
  return { bytes: record, bytesRatio: record / plain };
}

async function coldStart(team) {
  const process = await team.start(team.redis.url);
  await process.stop();
  return { coldMs: process.coldMs };
}

export const COST = {
  name: 'cost',
  title: 'What it costs Redis, and a start',
  says:
    "Of fresh calls, 64 in flight: commands on the wire and Redis' own time, by its slow log and `INFO commandstats`; the memory of one " +
    'completed record, beside a plain string with the same JSON. A cold start is `import` to the first result, connection included.',
  columns: [
    ['commands/op', 'commands', hundredths],
    ["Redis' own µs/op", 'redisUs', hundredths],
    ['bytes/record', 'bytes', whole],
    ['of plain JSON', 'bytesRatio', hundredths],
    ['cold start ms', 'coldMs', whole],
  ],
  points: [
    {
      id: 'cost',
      async measure(team, form) {
        const start = await coldStart(team);
        if (team.contestant.embedded) return start;
        return { ...start, ...(await ownTime(team, form)), ...(await memory(team)) };
      },
    },
  ],
};
