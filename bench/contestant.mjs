// The process of one contestant: opens it, answers run.mjs' requests one by one, ends when run.mjs does.
import { performance } from 'node:perf_hooks';

let contestant;
process.once('disconnect', async () => {
  // A client that does not close must not keep the process: nobody is left to ask it anything.
  setTimeout(() => process.exit(1), 5_000).unref();
  await contestant?.close();
  process.exit();
});

const begun = performance.now();
const [file, options] = process.argv.slice(2);
const { open } = await import(`./contestants/${file}.mjs`);
contestant = await open(JSON.parse(options));
await contestant.once(`cold-start-of-${process.pid}`, async () => 'first result');
const coldMs = performance.now() - begun;

// Only now, so that the import of our own code is no part of the cold start.
const requests = await import('./measure.mjs');

process.on('message', async ({ id, what, request }) => {
  try {
    process.send({ id, answer: await requests[what](contestant, request) });
  } catch (error) {
    process.send({ id, error: error?.stack ?? String(error) });
  }
});
process.send({ id: 0, answer: { coldMs } });
