// What the command lines of the benchmarks have in common:
// `[--quick | --smoke] [--only a,b] [--workloads a,b] [--rounds n] [--topic words]`
// --quick: short slices, and only what targets need where --workloads names nothing. --smoke: no figures, only whether every contestant does what it is measured at.
// --only takes parts of the contestants' names, --workloads parts of the workloads'. The tables go to the terminal and
// to bench/results/<date>-<topic>.md.
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
    workloads: { type: 'string' },
    rounds: { type: 'string' },
    topic: { type: 'string' },
  },
});

/**
 * @param of.contestants, of.forms, of.Run, of.report, of.smoke of one benchmark
 * @param of.workloads where there is a choice: all, and those of a quick run
 * @param of.topics the names of a quick and of a full run
 */
export function commandLine(of) {
  return main(async () => {
    const contestants = chosen(of.contestants, 'only');
    const { all = [], quick = all } = of.workloads ?? {};
    const workloads = given.quick && !given.workloads ? quick : chosen(all, 'workloads');
    await prepare(contestants);
    const redis = await startMeasuredRedis();
    try {
      if (given.smoke) await of.smoke(redis, contestants, workloads);
      else keep(await compare(of, redis, contestants, workloads));
    } finally {
      await redis.stop();
    }
  });
}

/** @param option that takes parts of names, separated by commas; without it all are chosen */
function chosen(all, option) {
  if (given[option] === undefined) return all;
  const parts = given[option].split(',');
  const matching = all.filter(({ name }) => parts.some((part) => name.includes(part)));
  if (matching.length === 0) throw new Error(`--${option} ${given[option]} names none of: ${names(all)}`);
  return matching;
}

const names = (all) => all.map(({ name }) => name).join('; ');

/** Installs the peers, and builds actonce when it is not built; a stale build is the caller's to renew. */
async function prepare(contestants) {
  await prepareModules(folder);
  const built = ['dist/index.cjs', addonFile()].every((file) => fs.existsSync(path.join(root, file)));
  if (!built && contestants.some(({ file }) => file === 'actonce')) await run('npm', ['run', 'build']);
}

async function compare({ forms, Run, report, topics }, redis, contestants, workloads) {
  const form = { ...(given.quick ? forms.quick : forms.full) };
  if (given.rounds) form.rounds = Number(given.rounds);
  const loadBefore = os.loadavg();
  const running = new Run(redis, contestants, form, workloads);
  try {
    const samples = await running.measure({ onRound: (round, of) => console.error(`round ${round} of ${of}`) });
    const topic = given.topic ?? (given.quick ? topics.quick : topics.full);
    const redisVersion = await redis.version();
    return { topic, ...report(samples, { topic, form, workloads, redisVersion, loadBefore }) };
  } finally {
    await running.stop();
  }
}
