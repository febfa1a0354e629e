// Where a measurement was made: without it a number says nothing.
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { root } from '../scripts/step.mjs';

export function machine() {
  return `Machine: ${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, ${os.platform()} ${os.arch()}`;
}

/** @param paths that the measurement depends on: whether they are as committed; results are what comes of it */
export function commit(...paths) {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', ...paths, ':(exclude)bench/results') !== '';
  return `Commit ${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes that are not committed' : ''}`;
}

/** @param before what os.loadavg() said when it began: others may use the machine, too */
export function load(before) {
  const show = ([lastMinute]) => lastMinute.toFixed(2);
  return `Load average before and after: ${show(before)}, ${show(os.loadavg())}`;
}
