// The process of one contestant that moves instances of the machine in payment.mjs.
import { answer, endWithTheRun } from '../answers.mjs';
import * as checks from './checks.mjs';
import * as measures from './measure.mjs';

let contestant;
endWithTheRun(() => contestant?.close());

const [file, options] = process.argv.slice(2);
const { open } = await import(`./contestants/${file}.mjs`);
contestant = await open(JSON.parse(options));
answer(contestant, { ...checks, ...measures });
