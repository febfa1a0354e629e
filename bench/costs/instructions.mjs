// Instructions, allocations and uses of sockets, as valgrind counts them in the addon that is built. V8 interprets, so that
// what it compiles and when is no part of it.
import path from 'node:path';
import { temporaryFolder } from '../../__test__/support/folder.mjs';
import { addonFile } from '../../scripts/platform.mjs';
import { findProgram } from '../../scripts/prepare.mjs';
import { readCounts } from './callgrind.mjs';
import { CALLS } from './calls.mjs';
import { runProcess } from './process.mjs';

/** Operations of each kind. */
const COUNT = 64;

const ALLOCATIONS = ['malloc', 'calloc', 'realloc', 'posix_memalign', 'aligned_alloc'];
const READS_AND_WRITES = ['send', 'recv'];

export async function countInstructions(server) {
  const out = path.join(temporaryFolder('callgrind'), 'out');
  const dumps = ['--dump-before=uv_set_process_title', '--separate-threads=yes', `--callgrind-out-file=${out}`];
  const node = ['--jitless', '--single-threaded', '--min-semi-space-size=64', '--max-semi-space-size=64'];
  const valgrind = [findProgram('valgrind'), '-q', '--tool=callgrind', ...dumps];
  await runProcess([...valgrind, process.execPath, ...node], 'title', server, COUNT);
  // A dump each time the title is set: when a kind begins (what came before is not of interest), and when it ends. Of
  // Node's thread: when the keeper's is woken is a matter of chance.
  const addon = addonFile();
  const counted = Object.keys(CALLS).map((name, index) => [name, figures(`${out}.${2 * index + 2}-01`, addon)]);
  return Object.fromEntries(counted);
}

function figures(dump, addon) {
  const { total, own, calls } = readCounts(dump, (object) => object.endsWith(addon));
  const all = (names) => names.reduce((sum, name) => sum + (calls.get(name) ?? 0), 0);
  // Tables that grow now and then are in the second decimal.
  const perCall = (times) => Number((times / COUNT).toFixed(1));
  return {
    'instructions of the addon': Math.round(own / COUNT),
    'instructions of the thread': Math.round(total / COUNT),
    'allocations by the addon': perCall(all(ALLOCATIONS)),
    'reads and writes of sockets': perCall(all(READS_AND_WRITES)),
  };
}
