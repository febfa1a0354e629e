// What one contestant's process measures of itself. One operation = one fresh key, a no-op `work`, a recorded result.
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

const ITEMS = [
  { sku: 'TSHIRT-M-BLUE', count: 2, cents: 1999 },
  { sku: 'MUG-WHITE', count: 1, cents: 1250 },
];
const ORDER = { orderId: 'ord_01HZX3M9QK7T', status: 'paid', currency: 'EUR', cents: 5248, items: ITEMS, note: '' };
/** 250 bytes as JSON, the shape of an order. */
export const RESULT = { ...ORDER, note: 'x'.repeat(250 - JSON.stringify(ORDER).length) };

/** Keys of one slice have one length, that of a UUID; a slice names its own, so that every key of a run is fresh. */
export const keyOf = (slice, n) => slice.padEnd(26, '-') + (1_000_000_000 + n);

let executions = 0;
/** Counted here, outside of every store. */
async function work() {
  executions++;
  return RESULT;
}

/**
 * Runs operations, `inFlight` at a time, until `forMs` are over or `maxOps` have started. No forced garbage collection
 * before it: that also discards what V8 has compiled and doubled the figures of a short slice.
 */
export async function load({ once }, { slice, inFlight, forMs = Number.POSITIVE_INFINITY, maxOps }) {
  executions = 0;
  const latencies = inFlight === 1 ? [] : undefined;
  let started = 0;
  const begun = performance.now();
  const until = begun + forMs;
  let now = begun;
  const cpuBefore = process.cpuUsage();
  const caller = async () => {
    while (started < maxOps && now < until) {
      const before = now;
      const value = await once(keyOf(slice, started++), work);
      now = performance.now();
      if (latencies) latencies.push(now - before);
      if (value === undefined) throw new Error('an operation came back without a value');
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const cpu = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - begun) / 1000;
  return {
    ops: started,
    executions,
    opsPerSecond: started / seconds,
    cpuUs: (cpu.user + cpu.system) / started,
    ...(latencies && percentiles(latencies)),
  };
}

function percentiles(latenciesMs) {
  const sorted = latenciesMs.sort((a, b) => a - b);
  const at = (share) => 1000 * sorted[Math.floor(share * (sorted.length - 1))];
  return { p50Us: at(0.5), p99Us: at(0.99) };
}

/**
 * Every key twice at once, and once again when those have ended. The second may be refused but
 * must not run; the last gets the first run's value.
 */
export async function duplicates({ once }, { slice, keys }) {
  executions = 0;
  for (let n = 0; n < keys; n++) {
    const key = keyOf(slice, n);
    await Promise.allSettled([once(key, work), once(key, work)]);
    assert.deepEqual(await once(key, work), RESULT);
  }
  return { executions };
}

/** Many calls with one key while its work takes `workMs`: how late the slowest answer is. */
export async function joined({ once }, { key, calls, workMs }) {
  executions = 0;
  const slowWork = async () => {
    await pause(workMs);
    return work();
  };
  const latenciesMs = await Promise.all(
    Array.from({ length: calls }, async () => {
      const begun = performance.now();
      assert.deepEqual(await once(key, slowWork), RESULT);
      return performance.now() - begun;
    }),
  );
  assert.equal(executions, 1);
  return { p99Ms: percentiles(latenciesMs).p99Us / 1000 };
}
