// Counts effects outside of the library's own store, so that it cannot grade itself: one line per effect in a file that
// any number of processes append to. O_APPEND makes each line whole.
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './folder.mjs';

export class Ledger {
  constructor(file) {
    this.file = file;
  }

  /** Notes one effect. `detail` is whatever the test wants to see again: attempt, fence, pid. */
  record(key, detail = {}) {
    fs.appendFileSync(this.file, `${JSON.stringify({ key, ...detail })}\n`, { flag: 'a' });
  }

  entries(key) {
    if (!fs.existsSync(this.file)) return [];
    const lines = fs.readFileSync(this.file, 'utf8').split('\n').slice(0, -1);
    const all = lines.map((line) => JSON.parse(line));
    return key === undefined ? all : all.filter((entry) => entry.key === key);
  }

  /** How often the effect of `key` happened; of all keys without one. */
  count(key) {
    return this.entries(key).length;
  }

  /** How often each effect happened, by its key. */
  counts() {
    const counts = new Map();
    for (const { key } of this.entries()) counts.set(key, (counts.get(key) ?? 0) + 1);
    return counts;
  }
}

/** A new ledger in a folder of its own, or the one at `file` that another process made. */
export function openLedger(file = path.join(temporaryFolder('ledger'), 'ledger.jsonl')) {
  return new Ledger(file);
}
