// Where the faults of a user's hooks are reported: the warnings of this process. Ours are for the tests that wait for
// them and are not printed; all others are.
import { once } from 'node:events';
import process from 'node:process';

const printers = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name === 'ActonceWarning') return;
  for (const print of printers) print(warning);
});

/** The next warning of ours; ask before doing what brings it. */
export async function nextWarning() {
  for (;;) {
    const [warning] = await once(process, 'warning');
    if (warning.name === 'ActonceWarning') return warning;
  }
}
