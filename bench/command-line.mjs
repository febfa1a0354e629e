// What the command lines of the benchmarks have in common: `[--quick | --smoke] [--only a,b] [--rounds n] [--topic words]`
// --quick: under a minute. --smoke: no figures, only whether every contestant does what it is measured at.
// --only takes parts of names. The table goes to the terminal and to bench/results/<date>-<topic>.md.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addonFile } from '../scripts/platform.mjs';
import { prepareModules } from '../scripts/prepare.mjs';
import { main, root, run } from '../scripts/step.mjs';
import { startMeasuredRedis } from './redis.mjs';
import { keep } from './results.mjs';

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

/**
 * @param of.contestants, of.forms, of.Run, of.report, of.smoke of one benchmark
 * @param of.topics the names of a quick and of a full run
 */
export function commandLine(of) {
  return main(async () => {
    const contestants = chosen(of.contestants);
    await prepare(contestants);
    const redis = await startMeasuredRedis();
    try {
      if (given.smoke) await of.smoke(redis, contestants);
      else keep(await compare(of, redis, contestants));
    } finally {
      await redis.stop();
    }
  });
}

function chosen(all) {
  const parts = given.only?.split(',') ?? [''];
  const contestants = all.filter(({ name }) => parts.some((part) => name.includes(part)));
  if (contestants.length === 0) throw new Error(`--only ${given.only} names no contestant`);
  return contestants;
}

/** Installs the peers, and builds actonce when it is not built; a stale build is the caller's to renew. */
async function prepare(contestants) {
  await prepareModules(folder);
  const built = ['dist/index.cjs', addonFile()].every((file) => fs.existsSync(path.join(root, file)));
  if (!built && contestants.some(({ file }) => file === 'actonce')) await run('npm', ['run', 'build']);
}

async function compare({ forms, Run, report, topics }, redis, contestants) {
  const form = { ...(given.quick ? forms.quick : forms.full) };
  if (given.rounds) form.rounds = Number(given.rounds);
  const loadBefore = os.loadavg();
  const running = new Run(redis, contestants, form);
  try {
    const samples = await running.measure({ onRound: (round, of) => console.error(`round ${round} of ${of}`) });
    const topic = given.topic ?? (given.quick ? topics.quick : topics.full);
    return { topic, text: report(samples, { topic, form, redisVersion: await redis.version(), loadBefore }) };
  } finally {
    await running.stop();
  }
}
