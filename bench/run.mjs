// `npm run bench [-- --quick | --smoke] [--only a,b] [--rounds n] [--topic words]`
// --quick: under a minute. --smoke: no figures, only that every contestant executes once per key.
// --only takes parts of names. The table goes to the terminal and to bench/results/<date>-<topic>.md.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addonFile } from '../scripts/platform.mjs';
import { prepareModules } from '../scripts/prepare.mjs';
import { main, root, run } from '../scripts/step.mjs';
import { CONTESTANTS } from './contestants.mjs';
import { startMeasuredRedis } from './redis.mjs';
import { report } from './report.mjs';
import { keep } from './results.mjs';
import { FORMS, Run } from './rounds.mjs';
import { smoke } from './smoke.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    smoke: { type: 'boolean' },
    only: { type: 'string' },
    rounds: { type: 'string' },
    topic: { type: 'string' },
  },
});

function chosen() {
  const parts = given.only?.split(',') ?? [''];
  const contestants = CONTESTANTS.filter(({ name }) => parts.some((part) => name.includes(part)));
  if (contestants.length === 0) throw new Error(`--only ${given.only} names no contestant`);
  return contestants;
}

/** Installs the peers, and builds actonce when it is not built; a stale build is the caller's to renew. */
async function prepare(contestants) {
  await prepareModules(folder);
  const built = ['dist/index.cjs', addonFile()].every((file) => fs.existsSync(path.join(root, file)));
  if (!built && contestants.some(({ file }) => file === 'actonce')) await run('npm', ['run', 'build']);
}

async function compare(redis, contestants) {
  const form = { ...(given.quick ? FORMS.quick : FORMS.full) };
  if (given.rounds) form.rounds = Number(given.rounds);
  const loadBefore = os.loadavg();
  const running = new Run(redis, contestants, form);
  try {
    const samples = await running.measure({ onRound: (round, of) => console.error(`round ${round} of ${of}`) });
    const topic = given.topic ?? (given.quick ? 'quick' : 'fresh operation');
    return { topic, text: report(samples, { topic, form, redisVersion: await redis.version(), loadBefore }) };
  } finally {
    await running.stop();
  }
}

await main(async () => {
  const contestants = chosen();
  await prepare(contestants);
  const redis = await startMeasuredRedis();
  try {
    if (given.smoke) await smoke(redis, contestants);
    else keep(await compare(redis, contestants));
  } finally {
    await redis.stop();
  }
});
