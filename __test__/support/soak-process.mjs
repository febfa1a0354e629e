// One process of a soak: callers that ask for keys at random, again and again, and write down what happened. The history
// is a file that all append to, one line at a time: what was written before a SIGKILL stays written.
import fs from 'node:fs';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from './actonce.mjs';
import { randomFrom } from './random.mjs';

const CALLERS = 8;
const { options, history, seed, startedAt, newKeyEveryMs } = JSON.parse(process.env.SOAK);
const { next, upTo, between } = randomFrom(seed);
const client = createClient(options);
/** Of the attempts that began here. */
const fences = new Map();
let calls = 0;
let stopping = false;

function note(entry) {
  fs.appendFileSync(history, `${JSON.stringify(entry)}\n`);
}

client.on('result-unrecorded', ({ operation: key, attempt }) => {
  note({ what: 'unrecorded', key, fence: fences.get(`${key} ${attempt}`) });
});

/** Mostly what others ask for right now, so that they meet; sometimes an old one, which must not have changed. */
function someKey() {
  const newest = Math.floor((Date.now() - startedAt) / newKeyEveryMs);
  const number = next() < 0.15 ? upTo(newest + 1) : Math.max(0, newest - upTo(12));
  return `${number % 2 === 0 ? 'rerun' : 'hold'}-${number}`;
}

async function work(call, key, { fence, attempt }) {
  fences.set(`${key} ${attempt}`, fence);
  note({ what: 'started', call, key, fence, attempt });
  await pause(next() < 0.05 ? between(300, 900) : upTo(30));
  // Before the effect, and never under a policy that would hold it.
  if (key.startsWith('rerun') && next() < 0.05) throw Object.assign(new Error('declined'), { code: 'threw' });
  note({ what: 'effect', key, fence });
  await pause(upTo(20));
  return { fence };
}

async function ask(key) {
  calls += 1;
  const call = `${process.pid}/${calls}`;
  note({ what: 'asked', call, key, pid: process.pid });
  const terms = { scope: [key, 'soak'], onCrash: key.startsWith('hold') ? 'hold' : 'rerun' };
  try {
    const outcome = await client.withIdempotency.outcome(key, (ctx) => work(call, key, ctx), terms);
    if (outcome.kind === 'error') throw outcome.error;
    note({ what: 'answered', call, key, status: outcome.status, value: outcome.value });
    return false;
  } catch (error) {
    note({ what: 'answered', call, key, code: error.code ?? String(error) });
    return error.retryable === true || error.code === 'threw';
  }
}

async function caller() {
  while (!stopping) {
    const key = someKey();
    for (let again = await ask(key); again && !stopping && next() < 0.7; again = await ask(key)) await pause(upTo(200));
    await pause(upTo(30));
  }
}

function keepBusy(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

process.on('message', ({ busyMs, stop }) => {
  if (busyMs) keepBusy(busyMs);
  if (stop) stopping = true;
});
process.on('disconnect', () => process.exit());

await Promise.all(Array.from({ length: CALLERS }, caller));
await client.close();
process.disconnect();
