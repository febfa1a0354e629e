// `npm run compare`: the decisive rows of docs/comparison.md, run against the real packages on a real Redis. Installs
// the peers, and builds actonce when it is not built.
import { main } from '../../scripts/step.mjs';
import { judgeAll } from '../judge.mjs';

await main(() => judgeAll({ topic: 'compare', checks: async () => (await import('./checks.mjs')).CHECKS }));
