// The process in which calls are counted: `counted.mjs title|heap|promises <url> <url of bursts> <count>`
import { createHook } from 'node:async_hooks';
import { CALLS, runCounted } from './calls.mjs';

const [what, url, urlOfBursts, countText] = process.argv.slice(2);
const count = Number(countText);

const MARKS = {
  /** The title's text is nothing to anybody; valgrind takes note when it is set. */
  title: () => (word) => {
    process.title = word;
  },
  /** Bytes of V8's heap: nothing is collected, the young generation is large enough for all of it. */
  heap: () => {
    let before = 0;
    return (word) => {
      const { heapUsed } = process.memoryUsage();
      if (word === 'begins') before = heapUsed;
      return (heapUsed - before) / count;
    };
  },
  promises: () => {
    let promises = 0;
    const hook = createHook({
      init(_id, type) {
        if (type === 'PROMISE') promises++;
      },
    });
    return (word) => {
      if (word === 'begins') hook.enable();
      else hook.disable();
      return promises / count;
    };
  },
};

const counts = {};
for (const [name, kind] of Object.entries(CALLS)) {
  const mark = MARKS[what]();
  await runCounted(kind, { url: kind.together ? urlOfBursts : url }, count, (word) => {
    counts[name] = mark(word);
  });
}
process.stdout.write(JSON.stringify(counts));
