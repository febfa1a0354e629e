// `npm run bench`: calls with a key. The options are in command-line.mjs.
import { commandLine } from './command-line.mjs';
import { CONTESTANTS } from './contestants.mjs';
import { report } from './report.mjs';
import { FORMS, Run } from './rounds.mjs';
import { smoke } from './smoke.mjs';
import { FOR_TARGETS, WORKLOADS } from './workloads.mjs';

const topics = { quick: 'quick', full: 'calls' };
const workloads = { all: WORKLOADS, quick: FOR_TARGETS };
await commandLine({ contestants: CONTESTANTS, workloads, forms: FORMS, Run, report, smoke, topics });
