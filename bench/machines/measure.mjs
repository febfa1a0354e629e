// What one contestant's process measures of itself: events sent to instances that are in the right state.
import { load as loadOf } from '../measure.mjs';
import { keyOf, resultOf, USUAL_BYTES } from '../order.mjs';
import { HISTORY_LIMIT } from './payment.mjs';

/** As long as the results in the benchmark of calls. */
const DATA = resultOf(USUAL_BYTES);

/** Instances in rotation; at the front who has been left alone the longest. */
let rotation = [];

/** Makes `instances` payments that fail and are tried again for ever, their histories full, as they soon are. */
export async function prepare({ create, send }, { slice, instances }) {
  rotation = await Promise.all(
    Array.from({ length: instances }, async (_, n) => {
      const id = keyOf(slice, n);
      await create(id, DATA);
      await send(id, 'PROCESS', DATA, 'first');
      for (let pair = 0; pair < HISTORY_LIMIT / 2; pair++) {
        await send(id, 'FAIL', DATA, `fail-${pair}`);
        await send(id, 'RETRY', DATA, `retry-${pair}`);
      }
      return { id, event: 'FAIL' };
    }),
  );
}

/** One operation = one event to the instance that has waited longest, with a token of its own and 250 bytes of data. */
export function sends({ send }, request) {
  const once = async (token) => {
    const instance = rotation.shift();
    const { replayed } = await send(instance.id, instance.event, DATA, token);
    if (replayed) throw new Error('a new event was taken for a repeat');
    instance.event = instance.event === 'FAIL' ? 'RETRY' : 'FAIL';
    rotation.push(instance);
    return DATA;
  };
  return loadOf({ once }, request);
}

const STEPS_OF_A_LIFE = 3;

/** A whole life on a fresh instance: create, PROCESS, COMPLETE. Three operations, one after the other. */
export async function lives({ create, send }, request) {
  const once = async (id) => {
    await create(id, DATA);
    await send(id, 'PROCESS', DATA, 'process');
    const { state } = await send(id, 'COMPLETE', DATA, 'complete');
    if (state !== 'completed') throw new Error(`a life ended in ${state}`);
    return DATA;
  };
  const { opsPerSecond, cpuUs } = await loadOf({ once }, request);
  return { opsPerSecond: opsPerSecond * STEPS_OF_A_LIFE, cpuUs: cpuUs / STEPS_OF_A_LIFE };
}
