// Every contestant has to be right at the job before its speed is of interest.
import { ContestantProcess } from '../process.mjs';

const PROGRAM = new URL('./contestant.mjs', import.meta.url);

export const startContestant = (contestant, url) => ContestantProcess.start(contestant, url, PROGRAM);

export async function smoke(redis, contestants) {
  const wrong = [];
  for (const contestant of contestants) {
    try {
      const checks = await check(redis, contestant);
      console.error(`ok - ${contestant.name}: ${checks.join(', ')}`);
    } catch (error) {
      wrong.push(contestant.name);
      console.error(`not ok - ${contestant.name}\n${error.message}`);
    }
  }
  if (wrong.length > 0) throw new Error(`not right: ${wrong.join(', ')}`);
}

async function check(redis, contestant) {
  const checks = ['checkState'];
  if (!contestant.bare && !contestant.unkeyed) checks.push('checkTokens');
  if (!contestant.bare) checks.push('checkHistory', 'checkTimer');
  const process = await startContestant(contestant, redis.url);
  try {
    for (const name of checks) {
      await redis.empty();
      await process.ask(name);
    }
    if (contestant.bare) return checks;
    await redis.empty();
    await process.ask('finish');
    const expiries = await redis.expiries();
    const expires = expiries.length > 0 && expiries.every((ms) => ms > 0);
    if (!expires) throw new Error(`a finished payment does not expire: its keys have ${expiries} ms left`);
    return [...checks, 'expiry'];
  } finally {
    await process.stop();
  }
}
