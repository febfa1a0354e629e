// Whether the harness measures what it says: every contestant executes once per key, counted outside of its store.
import { ContestantProcess } from './process.mjs';

const KEYS = 20;

export async function smoke(redis, contestants) {
  const wrong = [];
  for (const contestant of contestants) {
    const executions = await executionsOf(contestant, redis);
    const once = executions === KEYS;
    if (!once) wrong.push(contestant.name);
    console.log(`${once ? 'ok' : 'not ok'} - ${contestant.name}: ${executions} executions for ${KEYS} keys`);
  }
  if (wrong.length > 0) throw new Error(`not once per key: ${wrong.join(', ')}`);
}

/** The same keys in one process and then in another; the embedded store has no other. */
async function executionsOf(contestant, redis) {
  await redis.empty();
  let executions = 0;
  for (let processes = contestant.embedded ? 1 : 2; processes > 0; processes--) {
    const process = await ContestantProcess.start(contestant, redis.url);
    try {
      executions += (await process.ask('duplicates', { slice: 'smoke', keys: KEYS })).executions;
    } finally {
      await process.stop();
    }
  }
  return executions;
}
