// What a process spends while something runs in it.
import fs from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Small beside the delays of interest, and too rare to cost anything. */
const LOOK_EVERY_MS = 2;

/** CPU µs of the JavaScript thread so far, undefined where nobody counts it: Linux does, Node does from 23.9 on. */
function javaScriptCpuUs() {
  if (process.threadCpuUsage) {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  }
  if (process.platform !== 'linux') return undefined;
  const [ns] = fs.readFileSync('/proc/self/schedstat', 'utf8').split(' ');
  return Number(ns) / 1000;
}

/** @returns a function that ends it: CPU µs of the process and of its JavaScript thread, the event loop's delay (p99) in ms */
export function startMeter() {
  const loop = monitorEventLoopDelay({ resolution: LOOK_EVERY_MS });
  loop.enable();
  const begun = performance.now();
  const ofProcess = process.cpuUsage();
  const ofThread = javaScriptCpuUs();
  return () => {
    const { user, system } = process.cpuUsage(ofProcess);
    const jsCpuUs = ofThread === undefined ? undefined : javaScriptCpuUs() - ofThread;
    loop.disable();
    // What it records is the time between two looks. None at all: the loop did not turn in the whole time.
    const betweenMs = loop.count > 0 ? loop.percentile(99) / 1e6 : performance.now() - begun;
    return { cpuUs: user + system, jsCpuUs, delayMs: Math.max(0, betweenMs - LOOK_EVERY_MS) };
  };
}

/** The latency that a share of the calls did not exceed; undefined when there were too few calls to say. */
export function percentile(sortedMs, share) {
  if (sortedMs.length * (1 - share) < 1) return undefined;
  return sortedMs[Math.ceil(share * sortedMs.length) - 1];
}
