// What a run says: Markdown, the same on the terminal and in bench/results/.
import { environment, figures } from '../report.mjs';
import { hundredths, table, tenths, thousands, whole } from '../results.mjs';
import { atLeast, judge } from '../targets.mjs';
import { ACTONCE, BY_HAND } from './contestants.mjs';

const COLUMNS = [
  ['ops/s, 1 in flight', 'ops1', thousands],
  ['at 64', 'ops64', thousands],
  ['at 512', 'ops512', thousands],
  ['whole lives, at 64', 'livesOps', thousands],
  ['sequential p50 µs', 'p50Us', whole],
  ['p99 µs', 'p99Us', whole],
];
const COST_COLUMNS = [
  ['CPU µs/op, 1 in flight', 'cpu1', tenths],
  ['at 64', 'cpu64', tenths],
  ['at 512', 'cpu512', tenths],
  ['whole lives, at 64', 'livesCpu', tenths],
  ['commands/op', 'commands', hundredths],
  ["Redis' own µs/op", 'redisUs', hundredths],
  ['its CPU µs/op at 64', 'redisCpu64', tenths],
  ['at 512', 'redisCpu512', tenths],
];

const faster = (figure) => (samples) => samples.ratio(ACTONCE, figure, BY_HAND, Math.max);
const TARGETS = [{ id: '4.6', what: 'events/s at 64, of the best written by hand', ...atLeast(2, faster('ops64')) }];
/** No targets, but of interest beside one. */
const RATIOS = [
  ['events/s, 1 in flight', faster('ops1')],
  ['events/s at 512', faster('ops512')],
  ['whole lives, operations/s at 64', faster('livesOps')],
  ['CPU of the Node process at 64', (samples) => samples.ratio(ACTONCE, 'cpu64', BY_HAND)],
  ["Redis' own time", (samples) => samples.ratio(ACTONCE, 'redisUs', BY_HAND)],
  ["Redis' CPU at 64", (samples) => samples.ratio(ACTONCE, 'redisCpu64', BY_HAND)],
];

export function report(samples, { topic, form, redisVersion, loadBefore }) {
  const ratios = RATIOS.map(([what, of]) => [what, of(samples)?.toFixed(2) ?? 'not measured']);
  const lines = [
    `# ${topic}`,
    '',
    'One operation = one event sent to an instance that is in the right state, with 250 bytes of new data and a token of',
    'its own; the history is full (50 entries). A whole life is create, PROCESS, COMPLETE on a fresh instance: three',
    'operations. "Bare" ones keep state, version and data only.',
    `Contestants alternate, each in its own process: ${form.rounds} rounds of ${form.sliceMs} ms.`,
    'Cells: median (lowest–highest round).',
    '',
    ...environment({ redisVersion, loadBefore, script: 'bench:machines' }).map((line) => `- ${line}`),
    '',
    ...figures(samples, COLUMNS),
    '',
    ...figures(samples, COST_COLUMNS),
    '',
    'The median of the ratios within each round; each against the best of those written by hand, bare ones left out.',
    '',
    ...table(['', 'actonce', 'target', 'measured', 'met'], judge(samples, TARGETS)),
    '',
    ...table(['no target', '×'], ratios),
    '',
  ];
  return { text: lines.join('\n') };
}
