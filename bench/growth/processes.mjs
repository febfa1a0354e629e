// Processes on one Redis: what they make together, what an operation costs Redis, and so what one of its cores carries.
// Twice: with 64 calls in flight in each process, and with 64 in all, where batches are smaller.
import { table } from '../results.mjs';
import { Samples } from '../samples.mjs';
import { onStage } from './callers.mjs';
import { percent, spread, tenths, whole } from './figures.mjs';

const IN_FLIGHT = 64;
const FORMS = { '64 in flight each': () => IN_FLIGHT, '64 in flight in all': (processes) => IN_FLIGHT / processes };

export const measureProcesses = ({ counts, rounds, sliceMs }) =>
  onStage(async (stage) => {
    const server = await stage.server();
    const callers = [];
    for (let n = 0; n < Math.max(...counts); n++) callers.push(await stage.caller(server.url, { cache: false }));
    const samples = new Samples();
    for (let round = 1; round <= rounds; round++) {
      for (const [form, share] of Object.entries(FORMS)) {
        for (const count of counts) {
          const slice = `${round} ${form} ${count}`;
          const requests = callers.slice(0, count).map((caller, index) => {
            return { caller, slice: `${slice} ${index}`, inFlight: share(count), forMs: sliceMs, maxOps: 1e9 };
          });
          samples.add(nameOf(form, count), await together(server, requests));
        }
      }
      samples.add('replay', await replays(server, callers, round));
      await server.empty();
    }
    return { samples, counts };
  });

const nameOf = (form, count) => `${form} ${count}`;

async function together(server, requests) {
  const [cpuBefore, begun] = [await server.cpuUs(), performance.now()];
  const answers = await Promise.all(requests.map(({ caller, ...request }) => caller.ask('fresh', request)));
  const us = 1_000 * (performance.now() - begun);
  const redisUs = (await server.cpuUs()) - cpuBefore;
  const sum = (figure) => answers.reduce((total, answer) => total + figure(answer), 0);
  const ops = sum((answer) => answer.ops);
  return {
    opsPerSecond: sum((answer) => answer.opsPerSecond),
    redisUs: redisUs / ops,
    redisShare: redisUs / us,
    nodeUs: sum((answer) => answer.cpuUs * answer.ops) / ops,
  };
}

/** What one process has recorded, asked for by another. */
async function replays(server, [first, second], round) {
  const request = { slice: `${round} replayed`, inFlight: IN_FLIGHT, maxOps: 10_000 };
  await first.ask('fresh', request);
  const figures = await together(server, [{ caller: second, ...request }]);
  return { redisUs: figures.redisUs, nodeUs: figures.nodeUs };
}

export function showProcesses({ samples, counts }) {
  const rows = Object.keys(FORMS).flatMap((form) =>
    counts.map((count) => {
      const of = (figure, show) => spread(samples.all(nameOf(form, count), figure), show);
      return [
        `${count}, ${form}`,
        of('opsPerSecond', whole),
        of('nodeUs', tenths),
        of('redisUs', tenths),
        of('redisShare', percent),
      ];
    }),
  );
  const curve = (form, figure) => counts.map((count) => [count, samples.median(nameOf(form, count), figure)]);
  const series = (figure) => Object.keys(FORMS).map((form) => ({ name: form, points: curve(form, figure) }));
  const redisUs = series('redisUs').flatMap(({ points }) => points.map(([, us]) => us));
  const replay = (figure) => samples.median('replay', figure);
  return {
    title: 'Processes on one Redis',
    lines: [
      'Fresh calls with 250-byte results, all processes at once, beside Redis on the same machine: when its cores are used up,',
      'more processes make no more calls. What one core of Redis carries is 1 s divided by what a call costs it.',
      '',
      ...table(['processes, calls', 'calls/s', 'Node CPU µs', 'Redis CPU µs', 'of a core'], rows),
      '',
      `A replay from another process: ${tenths(replay('nodeUs'))} µs of Node, ${tenths(replay('redisUs'))} µs of Redis.`,
    ],
    plots: {
      processes: {
        title: 'Redis’ CPU of a fresh call by processes',
        x: { label: 'processes', log: true, ticks: counts },
        y: { label: 'µs a call' },
        series: series('redisUs'),
      },
      'processes-calls': {
        title: 'Fresh calls of all processes together',
        x: { label: 'processes', log: true, ticks: counts },
        y: { label: 'calls/s' },
        series: series('opsPerSecond'),
      },
    },
    targets: [],
    plan: {
      freshLeastUs: Math.min(...redisUs),
      freshMostUs: Math.max(...redisUs),
      nodeUs: samples.median(nameOf('64 in flight each', 1), 'nodeUs'),
      replayUs: replay('redisUs'),
      replayNodeUs: replay('nodeUs'),
    },
  };
}
