// What a run says: Markdown, the same on the terminal and in bench/results/.
import { commit, load, machine } from './provenance.mjs';
import { table } from './results.mjs';
import { median } from './samples.mjs';
import { judge } from './targets.mjs';

export const thousands = (value) => `${(value / 1000).toFixed(1)} k`;
export const tenths = (value) => value.toFixed(1);
export const whole = (value) => value.toFixed(0);
export const hundredths = (value) => value.toFixed(2);

const PROCESS_COLUMNS = [
  ['CPU µs/op, 1 in flight', 'cpu1', tenths],
  ['at 64', 'cpu64', tenths],
  ['at 512', 'cpu512', tenths],
  ['ops/s, 1 in flight', 'ops1', thousands],
  ['at 64', 'ops64', thousands],
  ['at 512', 'ops512', thousands],
  ['sequential p50 µs', 'p50Us', whole],
  ['p99 µs', 'p99Us', whole],
];
const REDIS_COLUMNS = [
  ['commands/op', 'commands', hundredths],
  ["Redis' own µs/op", 'redisUs', hundredths],
  ['its CPU µs/op at 512', 'redisCpu512', tenths],
  ['bytes/record', 'bytes', whole],
  ['of plain JSON', 'bytesRatio', hundredths],
  ['replays/s elsewhere', 'replays', thousands],
  ['CPU µs/replay', 'replayCpu', tenths],
  ['200 duplicates, p99 ms', 'joinedMs', tenths],
  ['commands', 'joinedCommands', whole],
  ['cold start ms', 'coldMs', whole],
];

export function report(samples, { topic, form, redisVersion, loadBefore }) {
  return [
    `# ${topic}`,
    '',
    'One operation = one fresh key: acquire, a no-op `fn`, a recorded 250-byte JSON result.',
    `Contestants alternate, each in its own process: ${form.rounds} rounds of ${form.sliceMs} ms.`,
    'Cells: median (lowest–highest round).',
    '',
    ...environment({ redisVersion, loadBefore, script: 'bench' }).map((line) => `- ${line}`),
    '',
    ...figures(samples, PROCESS_COLUMNS),
    '',
    ...figures(samples, REDIS_COLUMNS),
    '',
    'Targets: the median of the ratios within each round; "hand-written ioredis" is the better of its two forms.',
    '',
    ...table(['', 'actonce', 'target', 'measured', 'met'], judge(samples)),
    '',
  ].join('\n');
}

export function figures(samples, columns) {
  const row = (name) => [name, ...columns.map(([, figure, show]) => cell(samples.all(name, figure), show))];
  return table(['', ...columns.map(([title]) => title)], samples.names().map(row));
}

function cell(values, show) {
  if (values.length === 0) return '–';
  const [middle, lowest, highest] = [median(values), Math.min(...values), Math.max(...values)].map(show);
  return lowest === highest ? middle : `${middle} (${lowest}–${highest})`;
}

/** @param script the npm script that was run */
export function environment({ redisVersion, loadBefore, script }) {
  return [
    machine(),
    load(loadBefore),
    `Node ${process.versions.node}, ${redisVersion} on loopback TCP`,
    commit('src', 'lib', 'bench'),
    `Command: \`npm run ${script} -- ${process.argv.slice(2).join(' ')}\``.replace(' -- `', '`'),
  ];
}
