// What an action asks Next about the request: outside of one there is nothing to ask, and what Next throws for itself is
// Next's to handle.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTestClient } from '../../dist/testing.mjs';
import '../support/actonce.mjs';
import { next } from '../support/next.mjs';
import { nextRefuses } from '../support/next-headers.mjs';

const { idempotentAction } = next;

function counted(t, options) {
  const client = createTestClient();
  t.after(() => client.close());
  const calls = [];
  const action = idempotentAction({ name: 'order', scope: () => 'ann', client, ...options }, async () => calls.push(1));
  return { action, calls };
}

for (const [what, key, options] of [
  ['a key in the headers', undefined, {}],
  ['cookies', 'k', { replayCookies: ['cart'] }],
]) {
  it(`a page that cannot be rendered ahead because an action looks for ${what} is left to Next`, async (t) => {
    const { action, calls } = counted(t, options);
    const signal = Object.assign(new Error('Dynamic server usage'), { digest: 'DYNAMIC_SERVER_USAGE' });
    nextRefuses(signal);
    await assert.rejects(action(key, 1), (error) => error === signal);
    assert.equal(calls.length, 0);
  });
}

it('outside of a request there are no headers and no cookies', async (t) => {
  nextRefuses(new Error('`headers` was called outside a request scope'));
  const { action, calls } = counted(t, { replayCookies: ['cart'] });
  await assert.rejects(action(undefined, 1), { code: 'ERR_KEY_MISSING' });
  assert.equal(await action('k', 1), 1);
  assert.equal(calls.length, 1);
});
