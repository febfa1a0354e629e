// Whether the harness measures what it says: every contestant executes once per key under every workload, counted
// outside of its store.
import { Run } from './rounds.mjs';

const FORM = { sliceMs: 20, countedOps: 20, replayedOps: 200 };

export async function smoke(redis, contestants, workloads) {
  const running = new Run(redis, contestants, FORM, workloads);
  let wrong = 0;
  try {
    await running.check((where, error) => {
      console.log(error ? `not ok - ${where}\n${error.message}` : `ok - ${where}`);
      if (error) wrong++;
    });
  } finally {
    await running.stop();
  }
  if (wrong > 0) throw new Error(`${wrong} checks failed: not once per key`);
}
