// `npm run bench:machines`: events sent to state machines. The options are in ../command-line.mjs.
import { commandLine } from '../command-line.mjs';
import { CONTESTANTS } from './contestants.mjs';
import { report } from './report.mjs';
import { FORMS, Run } from './rounds.mjs';
import { smoke } from './smoke.mjs';

const topics = { quick: 'state machines, quick', full: 'state machines' };
await commandLine({ contestants: CONTESTANTS, forms: FORMS, Run, report, smoke, topics });
