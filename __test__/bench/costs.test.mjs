// What a call costs, in counts that are the same on a busy machine: a change that makes it dearer shows here at once.
// What is counted, and with what, is bench/costs; the figures are in bench/costs/costs.json.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { circumstances, committed, differences, GROUPS, reasonToSkip, withServer } from '../../bench/costs/costs.mjs';
import '../support/unhandled.mjs';

const expected = committed();
const here = await withServer(circumstances);

for (const [name, { count }] of Object.entries(GROUPS)) {
  const skip = reasonToSkip(name, here, expected);
  test(`calls cost what is committed: ${name}`, { skip }, async () => {
    const found = differences(expected[name], await withServer(count));
    assert.deepEqual(found, [], `${found.join('\n')}\nIf that is meant, commit it: npm run costs -- --update`);
  });
}

test('a figure that has changed, is new or is gone is named; within its tolerance nothing is said', () => {
  const before = { call: { promises: 3, 'bytes of V8': 1_000, commands: '1 SET', old: 1 } };
  const now = { call: { promises: 4, 'bytes of V8': 1_004, commands: '1 GET' }, other: { promises: 1 } };
  assert.deepEqual(differences(before, now), [
    'call, promises: 3 committed, 4 now (+33.3 %)',
    'call, commands: 1 SET committed, 1 GET now',
    'call, old: 1 committed, undefined now',
    'other, promises: undefined committed, 1 now',
  ]);
  assert.deepEqual(differences(before, before), []);
  assert.equal(differences(before, { call: { ...before.call, 'bytes of V8': 980 } }).length, 1);
});

test('figures are compared only with those that were counted with the same', () => {
  const { countedWith } = expected;
  assert.equal(reasonToSkip('wire', countedWith, expected), undefined);
  const reason = reasonToSkip('heap', { ...countedWith, node: '99' }, expected);
  assert.equal(reason, `counted with node ${countedWith.node}, not with node 99`);
});
