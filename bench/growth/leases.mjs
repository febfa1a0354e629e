// Leases in flight: calls whose `fn` has not ended. What one costs in memory, and what renewing all of them costs.
import { setTimeout as pause } from 'node:timers/promises';
import { table } from '../results.mjs';
import { onStage } from './callers.mjs';
import { atMost, hundredths, millions, percent, tenths, whole } from './figures.mjs';

/** The default lease; it is renewed at a third. */
const LEASE_MS = 30_000;
const ROUND_MS = LEASE_MS / 3;
/** Below this many, memory for each is lost in what the process does anyway. */
const COUNTABLE = 100_000;

export async function measureLeases({ counts }) {
  const rows = [];
  for (const count of counts) rows.push(await onStage((stage) => held(stage, count)));
  return rows;
}

async function held(stage, count) {
  const server = await stage.server();
  const caller = await stage.caller(server.url);
  await caller.ask('fresh', { slice: 'warm up', inFlight: 64, maxOps: 20_000 });
  const before = await caller.ask('memory');
  const claimed = await caller.ask('hold', { count });
  const after = await caller.ask('memory');
  const look = async () => ({
    at: performance.now(),
    keeperUs: await caller.ask('keeperCpuUs'),
    redisUs: await server.cpuUs(),
    renewals: await server.scriptCalls(),
  });
  const began = await look();
  await pause(ROUND_MS);
  const ended = await look();
  const during = (figure) => ended[figure] - began[figure];
  const us = 1_000 * during('at');
  const { ms: endMs } = await caller.ask('letGo');
  return {
    count,
    claimMs: claimed.ms,
    endMs,
    nativeBytes: (after.native - before.native) / count,
    heapBytes: (after.heapUsed - before.heapUsed) / count,
    renewals: (1e6 * during('renewals')) / us,
    keeperShare: during('keeperUs') / us,
    keeperUs: during('keeperUs') / during('renewals'),
    redisShare: during('redisUs') / us,
    redisUs: during('redisUs') / during('renewals'),
  };
}

export function showLeases(rows) {
  const of = (one) => {
    const counted = (figure, show) => (one.count < COUNTABLE ? '–' : show(one[figure]));
    return [
      millions(one.count),
      counted('nativeBytes', whole),
      counted('heapBytes', whole),
      tenths(one.renewals),
      percent(one.keeperShare),
      counted('keeperUs', hundredths),
      percent(one.redisShare),
      counted('redisUs', hundredths),
      whole(one.claimMs),
      whole(one.endMs),
    ];
  };
  const most = rows.at(-1);
  return {
    title: 'Leases in flight',
    lines: [
      `Calls whose \`fn\` has not ended, with the default lease of ${LEASE_MS / 1_000} s, watched for ${ROUND_MS / 1_000} s, in which each is renewed`,
      'once; the shares are of one core. Memory of each: native is what RSS grew by less what V8’s heap did, garbage collected.',
      '',
      ...table(
        [
          'leases',
          'native bytes',
          'JavaScript bytes',
          'renewals/s',
          'keeper',
          'µs each',
          'Redis',
          'µs each',
          'ms to claim all',
          'to record all',
        ],
        rows.map(of),
      ),
    ],
    plots: {
      leases: {
        title: 'Renewing leases, 30 s each',
        x: { label: 'leases in flight', log: true },
        y: { label: '% of a core', target: { value: 5, label: 'target for the keeper: 5 %' } },
        series: [
          { name: 'the keeper’s thread', points: rows.map((row) => [row.count, 100 * row.keeperShare]) },
          { name: 'Redis', points: rows.map((row) => [row.count, 100 * row.redisShare]) },
        ],
      },
    },
    targets: [
      ...(most.count < COUNTABLE
        ? []
        : [atMost(`P10 native memory of each of ${millions(most.count)} leases`, most.nativeBytes, 1_024, 'bytes')]),
      atMost(`P10 the keeper's share of a core with ${millions(most.count)} leases`, 100 * most.keeperShare, 5, '%'),
    ],
    plan: { renewalUs: most.redisUs },
  };
}
