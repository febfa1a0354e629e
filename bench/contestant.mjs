// The process of one contestant.
import { performance } from 'node:perf_hooks';
import { answer, endWithTheRun } from './answers.mjs';

let contestant;
endWithTheRun(() => contestant?.close());

const begun = performance.now();
const [file, options] = process.argv.slice(2);
const { open } = await import(`./contestants/${file}.mjs`);
contestant = await open(JSON.parse(options));
await contestant.once(`cold-start-of-${process.pid}`, async () => 'first result');
const coldMs = performance.now() - begun;

// Only now, so that the import of our own code is no part of the cold start.
answer(contestant, await import('./measure.mjs'), { coldMs });
