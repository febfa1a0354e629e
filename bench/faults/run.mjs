// `npm run faults`: rows of the fault matrix in docs/reliability.md, run against the real packages on a real Redis.
import { main } from '../../scripts/step.mjs';
import { judgeAll } from '../judge.mjs';

await main(() => judgeAll({ topic: 'faults', checks: async () => (await import('./checks.mjs')).CHECKS }));
