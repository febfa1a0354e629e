// Scenario E14: no test may leave a rejection that nobody handles. The test runner only warns when one comes after its
// test has ended; here it fails the process, whenever it comes. support/actonce.mjs imports this, so every test has it.
import process from 'node:process';

/** What was rejected without a handler, for tests that look at it while they run. */
export const unhandled = [];

process.on('unhandledRejection', (reason) => {
  unhandled.push(reason);
  process.exitCode = 1;
  process.stderr.write(`unhandled rejection (E14): ${reason instanceof Error ? reason.stack : String(reason)}\n`);
});

// The runner sets its own exit code at the end, which must not hide ours.
process.on('exit', () => {
  if (unhandled.length > 0) process.exitCode = 1;
});
