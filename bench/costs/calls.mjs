// The calls whose costs are counted. Every key has one length and every result is the same, so that a count repeats.
import { createClient, defineStateMachine } from '../../dist/index.cjs';
import { keyOf, resultOf, USUAL_BYTES } from '../order.mjs';

const light = {
  id: 'light',
  initial: 'red',
  states: { red: { on: { GO: 'green' } }, green: { on: { STOP: 'red' } } },
};

export const open = (url) => createClient({ url, prefix: 'costs', executor: 'loop' });

/** So many calls are a burst. */
export const TOGETHER = 32;

export const RESULT = resultOf(USUAL_BYTES);
const work = async () => RESULT;
export const once = (client, key, fn = work) => client.withIdempotency(key, fn, { scope: 'costs' });

const fresh = (slice) => (server) => {
  const client = open(server.url);
  return { call: (n) => once(client, keyOf(slice, n)), clients: [client] };
};

function replayFromCache({ url }) {
  const client = open(url);
  const call = (n) => once(client, keyOf('cached', n));
  return { prepare: call, call, clients: [client] };
}

/** Two clients are to each other what two processes are. */
function replay({ url }) {
  const [runner, asker] = [open(url), open(url)];
  const call = (client) => (n) => once(client, keyOf('replay', n));
  return { prepare: call(runner), call: call(asker), clients: [runner, asker] };
}

function event({ url }) {
  const client = open(url);
  const machine = defineStateMachine(light, { client });
  const id = (n) => keyOf('event', n);
  return { prepare: (n) => machine.create(id(n)), call: (n) => machine.send(id(n), 'GO'), clients: [client] };
}

/**
 * What is counted, by name. Each opens its clients and gives `call`, one operation by number, and `prepare` where that
 * number has a past. `together`: so many start in one turn of the loop, otherwise one after the other.
 */
export const CALLS = {
  'fresh call, embedded store': { open: () => fresh('embedded')({ url: 'memory:' }) },
  'fresh call, Redis': { open: fresh('fresh') },
  [`fresh call, Redis, ${TOGETHER} at once`]: { open: fresh('together'), together: TOGETHER },
  'replay from the cache': { open: replayFromCache },
  'replay from another process': { open: replay },
  "state machine's event": { open: event },
};

/** Runs operation `from` to `from + count`. */
async function runThrough(call, from, count, together = 1) {
  for (let n = from; n < from + count; n += together) {
    if (together === 1) await call(n);
    else await Promise.all(Array.from({ length: together }, (_, at) => call(n + at)));
  }
}

/**
 * Runs `count` operations of one kind between two calls of `mark`, after as many that warm up.
 * @param mark told `'begins'` and `'ends'`
 */
export async function runCounted({ open, together }, server, count, mark) {
  const { prepare, call, clients } = open(server);
  if (prepare) await runThrough(prepare, 0, 2 * count);
  await runThrough(call, 0, count, together);
  mark('begins');
  await runThrough(call, count, count, together);
  mark('ends');
  for (const client of clients) await client.close();
}
