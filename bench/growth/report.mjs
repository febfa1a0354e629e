// What a run of the curves says: Markdown and plots in bench/results/, and on request the figures of docs/scaling.md.
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/step.mjs';
import { linePlot } from '../plot.mjs';
import { commit, load, machine } from '../provenance.mjs';
import { keep, table } from '../results.mjs';
import { onStage } from './callers.mjs';
import { planTables } from './plan.mjs';

const RESULTS = path.join(root, 'bench', 'results');
const SCALING = path.join(root, 'docs', 'scaling.md');

/** @param shown by name what the curves have to show: `{ title, lines, plots, plan }` */
export async function keepReport(shown, { topic, loadBefore, docs }) {
  const date = new Date().toISOString().slice(0, 10);
  const file = (plot) => `${date}-${topic.replaceAll(/\W+/g, '-')}-${plot}.svg`;
  const sections = Object.values(shown).flatMap(({ title, lines, plots }) => [
    `## ${title}`,
    '',
    ...lines,
    '',
    ...Object.entries(plots).flatMap(([name, plot]) => [`![${plot.title}](${file(name)})`, '']),
  ]);
  fs.mkdirSync(RESULTS, { recursive: true });
  for (const [name, plot] of Object.values(shown).flatMap(({ plots }) => Object.entries(plots))) {
    fs.writeFileSync(path.join(RESULTS, file(name)), linePlot(plot));
  }
  const where = await environment(loadBefore);
  const plan = {
    measured: [`Measured ${date}. ${where.slice(0, 2).join('. ')}.`, `${where.slice(2, -1).join('. ')}.`],
    ...planTables(Object.assign({}, ...Object.values(shown).map((curve) => curve.plan))),
  };
  const text = [
    `# ${topic}`,
    '',
    ...where.map((line) => `- ${line}`),
    '',
    ...sections,
    '## Targets',
    '',
    ...table(
      ['', 'target', 'measured', 'met'],
      Object.values(shown).flatMap((curve) => curve.targets),
    ),
    '',
    '## Figures of docs/scaling.md',
    '',
    ...Object.values(plan)
      .slice(1)
      .flatMap((lines) => [...lines, '']),
  ];
  keep({ topic, text: text.join('\n') });
  if (docs) renewFigures(plan);
}

async function environment(loadBefore) {
  const version = await onStage(async (stage) => (await stage.server()).version());
  return [
    machine(),
    load(loadBefore),
    `Node ${process.versions.node}, ${version} on loopback TCP`,
    commit('src', 'lib', 'bench'),
    `Command: \`npm run bench:growth -- ${process.argv.slice(2).join(' ')}\``.replace(' -- `', '`'),
  ];
}

/** Between `<!-- figures: name -->` and `<!-- end of figures -->`. */
function renewFigures(plan) {
  let text = fs.readFileSync(SCALING, 'utf8');
  for (const [name, lines] of Object.entries(plan)) {
    const [start, end] = [`<!-- figures: ${name} -->\n`, '<!-- end of figures -->'];
    const from = text.indexOf(start);
    if (from < 0) throw new Error(`docs/scaling.md has no place for the figures of ${name}`);
    text = `${text.slice(0, from + start.length)}\n${lines.join('\n')}\n\n${text.slice(text.indexOf(end, from))}`;
  }
  fs.writeFileSync(SCALING, text);
}
