// The targets of this project that one run can answer, each against the contestants of the same run and round.
import { ACTONCE, ACTONCE_MEMORY, HAND_WRITTEN, JAVASCRIPT, NAIVE, NODE_IDEMPOTENCY } from './contestants.mjs';

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

const cpuOfHand = (inFlight) => (s) => s.ratio(ACTONCE, `cpu${inFlight}`, HAND_WRITTEN);
const cpuOfPeer = (inFlight) => (s) => s.ratio(ACTONCE, `cpu${inFlight}`, [NODE_IDEMPOTENCY]);

const TARGETS = [
  { id: 'P1', what: `CPU per fresh op at 64, of ${hand}`, ...atMost(0.45, cpuOfHand(64)) },
  { id: 'P1', what: `CPU per fresh op at 512, of ${hand}`, ...atMost(0.45, cpuOfHand(512)) },
  { id: 'P1', what: `CPU per fresh op at 64, of ${peer}`, ...atMost(0.4, cpuOfPeer(64)) },
  { id: 'P1', what: `CPU per fresh op at 512, of ${peer}`, ...atMost(0.4, cpuOfPeer(512)) },
  {
    id: 'P2',
    what: 'fresh ops/s at 512, of the best JavaScript contestant',
    ...atLeast(2, (s) => s.ratio(ACTONCE, 'ops512', JAVASCRIPT, Math.max)),
  },
  { id: 'P3', what: `sequential p50, of ${hand}`, ...atMost(1, (s) => s.ratio(ACTONCE, 'p50Us', HAND_WRITTEN)) },
  {
    id: 'P4',
    what: `replays/s from another process, of ${peer}`,
    ...atLeast(2, (s) => s.ratio(ACTONCE, 'replays', [NODE_IDEMPOTENCY])),
  },
  { id: 'P5', what: '200 duplicates of 50 ms, p99', ...atMost(55, (s) => s.median(ACTONCE, 'joinedMs'), ms) },
  {
    id: 'P5',
    what: '200 duplicates of 50 ms, commands',
    ...atMost(2, (s) => s.median(ACTONCE, 'joinedCommands'), count),
  },
  {
    id: 'P6',
    what: "Redis' own time, of the naive pattern",
    ...atMost(1.5, (s) => s.ratio(ACTONCE, 'redisUs', [NAIVE])),
  },
  {
    id: 'P7',
    what: 'memory of a completed record, of the plain JSON string',
    ...atMost(1.3, (s) => s.median(ACTONCE, 'bytesRatio')),
  },
  {
    id: 'P8',
    what: 'embedded store, CPU per fresh op at 64',
    ...atMost(6, (s) => s.median(ACTONCE_MEMORY, 'cpu64'), us),
  },
  {
    id: 'P8',
    what: 'embedded store, fresh ops/s at 64',
    ...atLeast(200_000, (s) => s.median(ACTONCE_MEMORY, 'ops64'), perSecond),
  },
  { id: 'P9', what: 'cold start, of ioredis', ...atMost(0.6, (s) => s.ratio(ACTONCE, 'coldMs', HAND_WRITTEN)) },
];

/** Rows of [id, what, limit, measured, met]; nothing is met that was not measured. */
export function judge(samples, targets = TARGETS) {
  return targets.map(({ id, what, limit, of, show, met }) => {
    const value = of(samples);
    if (value === undefined) return [id, what, limit, 'not measured', ''];
    return [id, what, limit, show(value), met(value) ? 'yes' : '**no**'];
  });
}
