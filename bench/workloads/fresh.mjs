// Fresh calls: by the number in flight, by the size of the result, and over a longer way.
import { freshSlice } from '../team.mjs';
import { checkOnce, freshLoad, LOAD_COLUMNS, maxOpsOf } from './loaded.mjs';

export const IN_FLIGHT = [1, 8, 64, 512, 4096];
const OF_TARGETS = [1, 64, 512];

/** @param n which of the processes is under load */
const near = (n, id, title, request) => ({
  id,
  title,
  measure: async (team, form) => freshLoad(team, await team.member(n), request, form),
  smoke: async (team) => checkOnce(team, await team.member(n), request),
});

export const FRESH = {
  name: 'fresh',
  title: 'Fresh calls, by the number in flight',
  says: 'Acquire, a no-op `fn`, a recorded 250-byte JSON result.',
  columns: LOAD_COLUMNS,
  points: IN_FLIGHT.map((inFlight) => ({
    ...near(0, `fresh${inFlight}`, `${inFlight} in flight`, { inFlight }),
    extra: !OF_TARGETS.includes(inFlight),
  })),
};

/** A process that nothing else is measured in: V8 is busy with the garbage of a megabyte for a while. */
const FOR_SIZES = 1;
const SIZES = [
  { id: 'size100', title: '100 B', request: { bytes: 100, inFlight: 64 } },
  { id: 'size10k', title: '10 KB', request: { bytes: 10_000, inFlight: 64 } },
  { id: 'size1M', title: '1 MB', request: { bytes: 1_000_000, inFlight: 8 } },
];

export const RESULT_SIZES = {
  name: 'sizes',
  extra: true,
  title: 'Fresh calls, by the size of the result',
  says: 'The result is an object of so many bytes as JSON: an order with many items. 64 calls in flight, and 8 at 1 MB.',
  columns: LOAD_COLUMNS,
  points: SIZES.map(({ id, title, request }) =>
    near(FOR_SIZES, id, `${title}, ${request.inFlight} in flight`, request),
  ),
  async warmUp(team, { warmUpOps }) {
    const process = await team.member(FOR_SIZES);
    for (const { request } of SIZES) {
      const maxOps = Math.min(warmUpOps / 2, Math.ceil(maxOpsOf(request) / 20));
      await process.ask('load', { slice: freshSlice(), ...request, maxOps });
    }
  },
};

const ROUND_TRIPS_MS = [0.5, 2, 10];
const FAR = { inFlight: 64 };

export const DELAY = {
  name: 'delay',
  extra: true,
  title: 'Fresh calls, by the way to Redis',
  says: 'A proxy, another process, makes each round trip so much longer. 64 calls in flight.',
  columns: LOAD_COLUMNS,
  needsProxy: true,
  takes: ({ embedded }) => !embedded,
  points: ROUND_TRIPS_MS.map((ms) => ({
    id: `delay${ms}`,
    title: `${ms} ms added`,
    measure: async (team, form) => freshLoad(team, await team.far(ms), FAR, form),
    async smoke(team) {
      const process = await team.far(ms);
      await checkOnce(team, process, FAR);
      const { p50Us } = await process.ask('load', { slice: freshSlice(), inFlight: 1, maxOps: 20 });
      if (p50Us < 2 * 1000 * ms) throw new Error(`two round trips in ${p50Us} µs: the way is not longer`);
    },
  })),
  async warmUp(team, { warmUpOps }) {
    const process = await team.far(0);
    await process.ask('load', { slice: freshSlice(), ...FAR, maxOps: warmUpOps / 2 });
  },
};
