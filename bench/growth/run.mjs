// `npm run bench:growth [-- --quick] [--only records,leases] [--topic words] [--docs]`: what grows with what.
// --quick: smaller sizes, fewer rounds, a minute. --docs: the figures of docs/scaling.md are written anew.
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { prepareModules } from '../../scripts/prepare.mjs';
import { main, root } from '../../scripts/step.mjs';
import { measureLeases, showLeases } from './leases.mjs';
import { measureProcesses, showProcesses } from './processes.mjs';
import { measureRecords, showRecords } from './records.mjs';
import { keepReport } from './report.mjs';
import { measureSizes, showSizes } from './sizes.mjs';

const CURVES = {
  records: {
    measure: measureRecords,
    show: showRecords,
    full: { sizes: [1e3, 1e4, 1e5, 1e6], rounds: 15, ops: 2_000 },
    quick: { sizes: [1e3, 1e4, 1e5], rounds: 9, ops: 2_000 },
  },
  leases: {
    measure: measureLeases,
    show: showLeases,
    full: { counts: [1, 10, 100, 1e3, 1e4, 1e5] },
    quick: { counts: [100, 1e4] },
  },
  processes: {
    measure: measureProcesses,
    show: showProcesses,
    full: { counts: [1, 2, 4, 8, 16], rounds: 5, sliceMs: 1_000 },
    quick: { counts: [1, 4, 16], rounds: 3, sliceMs: 400 },
  },
  sizes: {
    measure: measureSizes,
    show: showSizes,
    full: { sizes: [100, 1e3, 1e4, 1e5, 1e6], rounds: 15, blockingCalls: 60 },
    quick: { sizes: [100, 1e4, 1e6], rounds: 5, blockingCalls: 20 },
  },
};

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    topic: { type: 'string' },
    docs: { type: 'boolean' },
  },
});

await main(async () => {
  await prepareModules(path.join(root, 'bench'));
  const chosen = given.only?.split(',') ?? Object.keys(CURVES);
  const loadBefore = os.loadavg();
  const shown = {};
  for (const name of chosen) {
    const curve = CURVES[name];
    if (curve === undefined) throw new Error(`--only knows ${Object.keys(CURVES).join(', ')}, and not ${name}`);
    const begun = performance.now();
    shown[name] = curve.show(await curve.measure(given.quick ? curve.quick : curve.full));
    console.error(`${name}: ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  }
  await keepReport(shown, {
    topic: given.topic ?? (given.quick ? 'growth quick' : 'growth'),
    loadBefore,
    docs: given.docs,
  });
});
