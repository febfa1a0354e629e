// An addon that throws (a Rust panic becomes that) must leave no caller without an answer. The addon here only throws;
// what a store does is tested on stores.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '../support/unhandled.mjs';
import { bundle } from '../support/bundle.mjs';

const { Binding } = await bundle('lib/native/binding.ts');

const ACQUIRED = 0;
const STORE_ERROR = 12;
const CONFIG = { url: 'memory:', prefix: 'p', secrets: [], executor: 'auto', connectTimeoutMs: 1, commandTimeoutMs: 1 };
const SETTINGS = { leaseMs: 100, maxLeaseMs: 100, retentionMs: 100, onCrash: 'rerun' };
const PATIENCE = { patienceMs: 1, budgetMs: 1 };

function bindingOver(methods) {
  const throws = () => {
    throw new Error('panicked');
  };
  const native = { begin: throws, again: throws, wait: throws, complete: throws, fail: throws, close() {}, ...methods };
  return new Binding(CONFIG, {
    validateConfig: () => null,
    open: (_, outcomes) => Object.assign(native, { outcomes }),
  });
}

const CALLS = {
  begin: (binding, op) => binding.begin(op, 'i', null, SETTINGS, true, 1),
  again: (binding, op) => binding.again(op),
  wait: (binding, op) => binding.wait(op, 1),
  complete: (binding, op) => binding.complete(op, 'J1', 1, PATIENCE),
  fail: (binding, op) => binding.fail(op, 'release', null, 1, PATIENCE),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name} that throws is answered as a failed store`, () => {
    const heard = [];
    const binding = bindingOver({});
    call(binding, binding.open({ receive: (answer) => heard.push(answer) }));
    assert.deepEqual(
      heard.map(({ tag, payload }) => [tag, payload]),
      [[STORE_ERROR, 'Error: panicked']],
    );
  });
}

test('an operation is heard until it ends, and not after it was given up', () => {
  const heard = [];
  const forgotten = [];
  const binding = bindingOver({
    begin(op) {
      this.outcomes.set([op, ACQUIRED, 7, 1, 1, 0, 0, 0]);
      return 1;
    },
    forget: (op) => void forgotten.push(op),
  });
  const op = binding.open({ receive: (answer) => heard.push(answer) });
  CALLS.begin(binding, op);
  binding.forget(op);
  CALLS.begin(binding, op);
  assert.deepEqual(forgotten, [op]);
  assert.deepEqual(
    heard.map(({ tag, fence, attempt, recovered }) => [tag, fence, attempt, recovered]),
    [[ACQUIRED, 7, 1, true]],
  );
});
