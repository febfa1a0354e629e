// Bytes of V8's heap and promises, counted in a process that does not optimise: what a compiler may leave out, and when,
// is no part of it.
import { runProcess } from './process.mjs';

const COUNT = 192;
/** All that is counted fits into the young generation, so nothing is collected. */
const FLAGS = ['--no-opt', '--single-threaded', '--min-semi-space-size=128', '--max-semi-space-size=128'];

export async function countHeap(server) {
  const bytes = await count('heap', server);
  const promises = await count('promises', server);
  const perCall = Object.keys(bytes).map((name) => [name, { 'bytes of V8': bytes[name], promises: promises[name] }]);
  return Object.fromEntries(perCall);
}

async function count(what, server) {
  const counts = await runProcess([process.execPath, ...FLAGS], what, server, COUNT);
  await server.send('FLUSHALL');
  return JSON.parse(counts, (_, value) => (typeof value === 'number' ? Math.round(value) : value));
}
