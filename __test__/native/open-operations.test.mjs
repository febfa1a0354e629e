// The table of open operations: an answer finds who waits for it, and nobody else, whatever else is opened and ended.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';

const { OpenOperations } = await bundle('lib/native/open-operations.ts');

test('it holds what a Map holds, and gives no id twice', () => {
  const step = fc.tuple(fc.constantFrom('start', 'start', 'start', 'end'), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3_000 }), (steps) => {
      const open = new OpenOperations();
      const model = new Map();
      const ended = [];
      let given = 0;
      for (const [what, choice] of steps) {
        if (what === 'start') {
          const who = { n: given++ };
          const id = open.start(who);
          assert.ok(Number.isInteger(id) && id > 0 && id <= 0xffff_ffff && !model.has(id) && !ended.includes(id));
          model.set(id, who);
        } else if (model.size > 0) {
          const id = [...model.keys()][choice % model.size];
          open.end(id);
          open.end(id);
          model.delete(id);
          ended.push(id);
        }
      }
      for (const [id, who] of model) assert.equal(open.get(id), who);
      for (const id of ended) assert.equal(open.get(id), undefined);
      assert.deepEqual(new Set(open.ids()), new Set(model.keys()));
    }),
    { numRuns: 100, size: 'max' },
  );
});

test('what stays open for many rounds keeps its place, and the others go round it', () => {
  const open = new OpenOperations();
  const long = Array.from({ length: 100 }, (_, n) => open.start(`long ${n}`));
  for (let n = 0; n < 10_000; n++) {
    const id = open.start(n);
    assert.ok(!long.includes(id));
    open.end(id);
  }
  assert.deepEqual(
    long.map((id) => open.get(id)),
    long.map((_, n) => `long ${n}`),
  );
});

test('after four thousand million operations the ids begin again, with 1', () => {
  const open = new OpenOperations(0xffff_fffd);
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => open.start(n)),
    [0xffff_fffe, 0xffff_ffff, 1, 2],
  );
  assert.deepEqual([open.get(0xffff_ffff), open.get(0), open.get(1)], [2, undefined, 3]);
});
