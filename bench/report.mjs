// What a run says: Markdown, the same on the terminal and in bench/results/, and the chart beside it.
import { LIMIT_COMMAND } from './benchmark-limit.mjs';
import { freshCallsChart } from './chart.mjs';
import { commit, load, machine } from './provenance.mjs';
import { fileName, table, thousands } from './results.mjs';
import { median } from './samples.mjs';
import { judge } from './targets.mjs';
import { FRESH } from './workloads/fresh.mjs';

export function report(samples, { topic, form, workloads, redisVersion, loadBefore }) {
  const surroundings = environment({ redisVersion, loadBefore, script: 'bench' });
  const chart = workloads.some(({ name }) => name === FRESH.name)
    ? freshCallsChart(samples, inShort(form, surroundings))
    : undefined;
  const lines = [
    `# ${topic}`,
    '',
    'One operation = one call with a key and a 250-byte JSON result, where nothing else is said.',
    `Contestants alternate, each in processes of its own: ${form.rounds} rounds, slices of ${form.sliceMs} ms.`,
    'Cells: median (lowest–highest round). Latencies and the delay of the event loop are percentiles within a slice; the',
    'delay is its 99th, and the whole slice where no call waits for input or output: callers that call again at once then',
    'leave the loop no turn.',
    '',
    ...surroundings.map((line) => `- ${line}`),
    '',
    ...section(
      'Targets',
      'The median of the ratios within each round; "hand-written ioredis" is the better of its two forms.',
    ),
    ...table(['', 'actonce', 'target', 'measured', 'met'], judge(samples)),
    '',
    ...(chart ? [`![CPU time and throughput of fresh calls](${fileName(topic)}.svg)`, ''] : []),
    ...workloads.flatMap((workload) => [...section(workload.title, workload.says), ...tables(samples, workload)]),
    ...section('The limit', `\`${LIMIT_COMMAND}\`, once a round. A fresh call takes two commands at least.`),
    ...figures(samples, LIMIT_COLUMNS),
    '',
  ];
  return { text: lines.join('\n'), chart };
}

const inShort = ({ rounds }, [machine, , versions, commit]) => [
  `Medians of ${rounds} rounds in which the contestants take turns. ${versions}.`,
  `${machine}. ${commit}.`,
];

const LIMIT_COLUMNS = [
  ['SET, commands/s', 'set', thousands],
  ['GET, commands/s', 'get', thousands],
];

const section = (title, says) => [`## ${title}`, '', says, ''];

function tables(samples, { points, columns }) {
  return points.flatMap(({ id, title }) => [
    ...(title ? [`### ${title}`, ''] : []),
    ...figures(
      samples,
      columns.map(([name, figure, show]) => [name, `${id}.${figure}`, show]),
    ),
    '',
  ]);
}

/** A row for everyone who has one of the figures. */
export function figures(samples, columns) {
  const takingPart = samples
    .names()
    .filter((name) => columns.some(([, figure]) => samples.all(name, figure).length > 0));
  const row = (name) => [name, ...columns.map(([, figure, show]) => cell(samples.all(name, figure), show))];
  return table(['', ...columns.map(([title]) => title)], takingPart.map(row));
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
    `Command: \`npm run ${script} -- ${process.argv.slice(2).map(quoted).join(' ')}\``.replace(' -- `', '`'),
  ];
}

const quoted = (argument) => (/\s/.test(argument) ? `"${argument}"` : argument);
