// `npm run bench`: fresh calls. The options are in command-line.mjs.
import { commandLine } from './command-line.mjs';
import { CONTESTANTS } from './contestants.mjs';
import { report } from './report.mjs';
import { FORMS, Run } from './rounds.mjs';
import { smoke } from './smoke.mjs';

const topics = { quick: 'quick', full: 'fresh operation' };
await commandLine({ contestants: CONTESTANTS, forms: FORMS, Run, report, smoke, topics });
