// The process behind worker.mjs: makes clients, calls withIdempotency, runs fn by its steps, reports.
//
// A step is an object with one of these:
//   effect: true      the effect of the test: one line in the ledger, with attempt, fence, pid and a derived key
//   say: word         tells the test that fn is here          wait: word     waits until the test says go on
//   sleepMs: n        lets time pass                          busyMs: n      keeps the thread busy, no timer runs
//   untilAborted      waits for ctx.signal                    assertHeld     asks ctx.assertHeld()
//   return: value     ends fn                                 throw: value   throws; { name, message, … } becomes an Error
//   exit: code        process.exit at once
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { gate } from './gate.mjs';
import { openLedger } from './ledger.mjs';

const clients = new Map();
const events = [];
/** Words that the test has said, and who waits for them, by call. */
const told = new Map();
let ledger;
let opened = Promise.resolve();

function wordGate(id, word) {
  const name = `${id} ${word}`;
  if (!told.has(name)) told.set(name, gate());
  return told.get(name);
}

/** Errors lose their code and their own fields on the way to another process; this keeps them as data. */
function describe(error) {
  if (!(error instanceof Error)) return { thrown: error };
  const { name, message, cause } = error;
  const own = Object.fromEntries(Object.entries(error).filter(([, value]) => typeof value !== 'function'));
  // What fn had returned is not the error's own field.
  const returned = error.hasValue === true ? { value: error.value } : {};
  return { ...own, ...returned, name, message, ...(cause === undefined ? {} : { cause: describe(cause) }) };
}

function revive(thrown) {
  if (typeof thrown?.message !== 'string') return thrown;
  return Object.assign(new Error(thrown.message), thrown);
}

const view = (ctx) => ({
  key: ctx.key,
  attempt: ctx.attempt,
  recovered: ctx.recovered,
  fence: ctx.fence,
  protected: ctx.protected,
  aborted: ctx.signal.aborted,
});

function keepBusy(ms) {
  const end = process.hrtime.bigint() + BigInt(ms) * 1_000_000n;
  while (process.hrtime.bigint() < end);
}

/** Returns `{ value }` when the step ends fn. */
async function take(step, { id, key, ctx }) {
  if (step.effect) {
    const { attempt, fence } = ctx;
    ledger.record(key, { attempt, fence, pid: process.pid, charge: ctx.deriveKey('charge') });
  }
  if (step.say) process.send({ id, said: step.say, context: view(ctx) });
  if (step.wait) await wordGate(id, step.wait).promise;
  if (step.sleepMs) await pause(step.sleepMs);
  if (step.busyMs) keepBusy(step.busyMs);
  if (step.untilAborted && !ctx.signal.aborted) await once(ctx.signal, 'abort');
  if (step.assertHeld) ctx.assertHeld();
  if ('exit' in step) process.exit(step.exit);
  if ('throw' in step) throw revive(step.throw);
  return 'return' in step ? { value: step.return } : undefined;
}

async function call({ id, client, key, options, steps, outcome }) {
  const runs = [];
  const fn = async (ctx) => {
    const run = view(ctx);
    runs.push(run);
    try {
      for (const step of steps) {
        const end = await take(step, { id, key, ctx });
        if (end) return end.value;
      }
    } finally {
      run.aborted = ctx.signal.aborted;
    }
  };
  try {
    const { withIdempotency } = clients.get(client);
    return { value: await (outcome ? withIdempotency.outcome : withIdempotency)(key, fn, options), runs };
  } catch (error) {
    return { error: describe(error), runs };
  }
}

async function method({ client, method: name, args }) {
  try {
    return { value: await clients.get(client)[name](...args) };
  } catch (error) {
    return { error: describe(error) };
  }
}

async function open({ clients: wanted, ledger: file }) {
  if (file) ledger = openLedger(file);
  const named = Object.entries(wanted).filter(([, options]) => options);
  if (named.length === 0) return;
  const { createClient } = await import('./actonce.mjs');
  for (const [name, options] of named) {
    const client = createClient(options);
    client.on((event) => events.push({ ...event, client: name }));
    clients.set(name, client);
  }
}

const ACTIONS = { call, method, events: () => ({ value: events }) };

process.on('message', async (message) => {
  if (message.do === 'open') {
    opened = open(message);
    return await opened;
  }
  if (message.do === 'stop') process.exit();
  if (message.do === 'tell') return wordGate(message.id, message.word).resolve();
  await opened;
  const result = await ACTIONS[message.do](message);
  if (process.connected) process.send({ id: message.id, result });
});

// Without a parent there is nobody to report to.
process.on('disconnect', () => process.exit());
