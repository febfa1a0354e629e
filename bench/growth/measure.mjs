// What a caller's process measures of itself; each function answers one request of the run.
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { load } from '../measure.mjs';
import { longestTurn } from './turns.mjs';
import { resultOf } from './values.mjs';

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const SCOPE = 'bench';

/** Fresh calls of 250-byte results, as ../measure.mjs makes them. @param retentionMs of their records; a day without */
export function fresh(client, { retentionMs, ...request }) {
  const options = { scope: SCOPE, retentionMs };
  return load({ once: (key, work) => client.withIdempotency(key, work, options) }, request);
}

/** In bytes, when the garbage is collected; native is what is neither V8's heap nor the program itself, give or take. */
export async function memory() {
  for (let turn = 0; turn < 3; turn++) {
    gc();
    await pause(100);
  }
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return { rss, heapUsed, native: rss - heapTotal };
}

let held = [];
let release;

/** Starts `count` calls whose `fn` does not end, and resolves when all of them run. */
export async function hold(client, { count }) {
  let running = 0;
  const end = new Promise((resolve) => {
    release = resolve;
  });
  const work = () => {
    running++;
    return end;
  };
  const begun = performance.now();
  held = [];
  for (let n = 0; n < count; n++) {
    held.push(client.withIdempotency(`held-${n}`, work, { scope: SCOPE }));
    if (n % 500 === 499) await pause(0);
  }
  while (running < count) await pause(5);
  return { ms: performance.now() - begun };
}

/** Lets them end, all at once. */
export async function letGo() {
  const begun = performance.now();
  release('done');
  await Promise.all(held);
  held = [];
  return { ms: performance.now() - begun };
}

/** CPU µs of the keeper's thread so far; undefined where the system does not tell. */
export function keeperCpuUs() {
  const tasks = '/proc/self/task';
  if (!fs.existsSync(tasks)) return undefined;
  const about = (task, file) => fs.readFileSync(`${tasks}/${task}/${file}`, 'utf8');
  const keeper = fs.readdirSync(tasks).find((task) => about(task, 'comm') === 'actonce-keeper\n');
  return keeper === undefined ? 0 : Number(about(keeper, 'schedstat').split(' ')[0]) / 1_000;
}

/** One call after the other, each with a key of its own and a result of this form and size. µs of one call. */
export async function sized(client, { form, bytes, calls, slice, retentionMs }) {
  const value = resultOf(form, bytes);
  const options = { scope: SCOPE, retentionMs };
  const cpuBefore = process.cpuUsage();
  const begun = performance.now();
  for (let n = 0; n < calls; n++) await client.withIdempotency(`${slice}-${n}`, async () => value, options);
  const us = (1_000 * (performance.now() - begun)) / calls;
  const cpu = process.cpuUsage(cpuBefore);
  return { us, cpuUs: (cpu.user + cpu.system) / calls };
}

/** The same calls, and of each the longest turn of the event loop that there was while it ran, ms. */
export async function turns(client, { form, bytes, calls, slice }) {
  const value = resultOf(form, bytes);
  const longest = [];
  for (let n = 0; n < calls; n++) {
    const call = () => client.withIdempotency(`${slice}-${n}`, async () => value, { scope: SCOPE });
    longest.push(await longestTurn(call));
  }
  return longest;
}
