// The process whose cost is measured: one client, which calls as it is asked to.
import { createClient } from '../../dist/index.cjs';
import { answer, endWithTheRun } from '../answers.mjs';
import * as measures from './measure.mjs';

const [, options] = process.argv.slice(2);
const client = createClient(JSON.parse(options));
endWithTheRun(() => client.close({ graceMs: 0 }));
answer(client, measures);
