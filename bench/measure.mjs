// What one contestant's process measures of itself. One operation = one key, a no-op `work`, a recorded result.
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { percentile, startMeter } from './meter.mjs';
import { keyOf, resultOf, USUAL_BYTES } from './order.mjs';

/** Work that is counted here, outside of every store. */
function countedWork(bytes, beforehand = () => {}) {
  const result = resultOf(bytes);
  const work = async () => {
    await beforehand();
    work.executions++;
    return result;
  };
  return Object.assign(work, { executions: 0, result });
}

let latenciesMs = new Float64Array(0);

/**
 * Runs operations, `inFlight` at a time, until `forMs` are over or `maxOps` have started. No forced garbage collection
 * before it: that also discards what V8 has compiled and doubled the figures of a short slice.
 * @param request.bytes of the result as JSON
 * @param request.keys so many different ones, again and again; else each operation has its own
 * @param request.compared whether each value is compared with what the work returns, which takes its time
 */
export async function load({ once }, request) {
  const { slice, inFlight, forMs = Number.POSITIVE_INFINITY, maxOps, bytes = USUAL_BYTES } = request;
  const { keys = maxOps, compared = false } = request;
  const work = countedWork(bytes);
  if (latenciesMs.length < maxOps) latenciesMs = new Float64Array(maxOps);
  let [started, ended] = [0, 0];
  const begun = performance.now();
  const until = begun + forMs;
  let now = begun;
  const stopMeter = startMeter();
  const caller = async () => {
    while (started < maxOps && now < until) {
      // The caller goes on as soon as its call has ended, so the clock need not be read again.
      const before = now;
      const value = await once(keyOf(slice, started++ % keys), work);
      now = performance.now();
      latenciesMs[ended++] = now - before;
      if (value === undefined) throw new Error('an operation came back without a value');
      if (compared) assert.deepEqual(value, work.result);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const { cpuUs, jsCpuUs, delayMs } = stopMeter();
  const seconds = (performance.now() - begun) / 1000;
  return {
    ops: ended,
    executions: work.executions,
    opsPerSecond: ended / seconds,
    cpuUs: cpuUs / ended,
    jsCpuUs: jsCpuUs === undefined ? undefined : jsCpuUs / ended,
    delayMs,
    ...latencies(latenciesMs.subarray(0, ended).sort()),
  };
}

function latencies(sortedMs) {
  const us = (share) => {
    const ms = percentile(sortedMs, share);
    return ms === undefined ? undefined : 1000 * ms;
  };
  return { p50Us: us(0.5), p99Us: us(0.99), p999Us: us(0.999) };
}

/**
 * Every key twice at once, `inFlight` keys at a time, and once again when those have ended. The second may be refused
 * but must not run; the last gets the first run's value.
 */
export async function duplicates({ once }, { slice, keys, inFlight, bytes = USUAL_BYTES }) {
  const work = countedWork(bytes);
  let started = 0;
  const caller = async () => {
    while (started < keys) {
      const key = keyOf(slice, started++);
      await Promise.allSettled([once(key, work), once(key, work)]);
      assert.deepEqual(await once(key, work), work.result);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return { executions: work.executions };
}

/** Many calls with one key while its work takes `workMs`: how long each takes, and whether the work ran here. */
export async function joined({ once }, { key, calls, workMs }) {
  const work = countedWork(USUAL_BYTES, () => pause(workMs));
  const tookMs = await Promise.all(
    Array.from({ length: calls }, async () => {
      const begun = performance.now();
      assert.deepEqual(await once(key, work), work.result);
      return performance.now() - begun;
    }),
  );
  return { tookMs, executions: work.executions };
}
