// The targets of this project that one run can answer, each against the contestants of the same run and round.
import { ACTONCE, ACTONCE_MEMORY, HAND_WRITTEN, NAIVE, NODE_IDEMPOTENCY, PEERS } from './contestants.mjs';

const atMost = (limit, of, show = times) => ({ limit: `≤ ${show(limit)}`, of, show, met: (value) => value <= limit });
export const atLeast = (limit, of, show = times) => ({
  limit: `≥ ${show(limit)}`,
  of,
  show,
  met: (value) => value >= limit,
});
const times = (value) => `${value.toFixed(2)} ×`;
const us = (value) => `${value.toFixed(2)} µs`;
const ms = (value) => `${value.toFixed(1)} ms`;
const perSecond = (value) => `${Math.round(value / 1000)} k/s`;
const count = (value) => value.toFixed(0);

const hand = 'hand-written ioredis';
const peer = '@node-idempotency/core';

const cpuOfHand = (inFlight) => (s) => s.ratio(ACTONCE, `fresh${inFlight}.cpuUs`, HAND_WRITTEN);
const cpuOfPeer = (inFlight) => (s) => s.ratio(ACTONCE, `fresh${inFlight}.cpuUs`, [NODE_IDEMPOTENCY]);
const replaysOfPeer = (point) => (s) => s.ratio(ACTONCE, `${point}.opsPerSecond`, [NODE_IDEMPOTENCY]);
const stormP99 = (processes) => (s) => s.median(ACTONCE, `storm${processes}.p99Ms`);
const stormCommands = (processes) => (s) => s.median(ACTONCE, `storm${processes}.commands`);

const TARGETS = [
  { id: 'P1', what: `CPU per fresh op at 64, of ${hand}`, ...atMost(0.45, cpuOfHand(64)) },
  { id: 'P1', what: `CPU per fresh op at 512, of ${hand}`, ...atMost(0.45, cpuOfHand(512)) },
  { id: 'P1', what: `CPU per fresh op at 64, of ${peer}`, ...atMost(0.4, cpuOfPeer(64)) },
  { id: 'P1', what: `CPU per fresh op at 512, of ${peer}`, ...atMost(0.4, cpuOfPeer(512)) },
  {
    id: 'P2',
    what: 'fresh ops/s at 512, of the best peer',
    ...atLeast(2, (s) => s.ratio(ACTONCE, 'fresh512.opsPerSecond', PEERS, Math.max)),
  },
  { id: 'P3', what: `sequential p50, of ${hand}`, ...atMost(1, (s) => s.ratio(ACTONCE, 'fresh1.p50Us', HAND_WRITTEN)) },
  { id: 'P4', what: `replays/s from another process, of ${peer}`, ...atLeast(2, replaysOfPeer('replayElsewhere')) },
  { id: 'P4', what: `replays/s from the same process, of ${peer}`, ...atLeast(10, replaysOfPeer('replayHere')) },
  { id: 'P5', what: '200 duplicates of 50 ms in one process, p99', ...atMost(55, stormP99(1), ms) },
  { id: 'P5', what: '… commands', ...atMost(2, stormCommands(1), count) },
  { id: 'P5', what: '200 duplicates of 50 ms over 4 processes, p99', ...atMost(60, stormP99(4), ms) },
  // A few for each process, however many calls: what the target calls O(processes).
  { id: 'P5', what: '… commands', ...atMost(4 * 8, stormCommands(4), count) },
  {
    id: 'P6',
    what: "Redis' own time, of the naive pattern",
    ...atMost(1.5, (s) => s.ratio(ACTONCE, 'cost.redisUs', [NAIVE])),
  },
  {
    id: 'P7',
    what: 'memory of a completed record, of the plain JSON string',
    ...atMost(1.3, (s) => s.median(ACTONCE, 'cost.bytesRatio')),
  },
  {
    id: 'P8',
    what: 'embedded store, CPU per fresh op at 64',
    ...atMost(6, (s) => s.median(ACTONCE_MEMORY, 'fresh64.cpuUs'), us),
  },
  {
    id: 'P8',
    what: 'embedded store, fresh ops/s at 64',
    ...atLeast(200_000, (s) => s.median(ACTONCE_MEMORY, 'fresh64.opsPerSecond'), perSecond),
  },
  { id: 'P9', what: 'cold start, of ioredis', ...atMost(0.6, (s) => s.ratio(ACTONCE, 'cost.coldMs', HAND_WRITTEN)) },
];

/** Rows of [id, what, limit, measured, met]; nothing is met that was not measured. */
export function judge(samples, targets = TARGETS) {
  return targets.map(({ id, what, limit, of, show, met }) => {
    const value = of(samples);
    if (value === undefined) return [id, what, limit, 'not measured', ''];
    return [id, what, limit, show(value), met(value) ? 'yes' : '**no**'];
  });
}
