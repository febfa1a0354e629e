// A test client stands in for the default client, with its events, until it is taken away.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTestClient } from '../../dist/testing.mjs';
import { on, withIdempotency } from '../support/actonce.mjs';

const scope = 's';

it('a listener of the default client hears a test client while it stands in, and not after that', async (t) => {
  const heard = [];
  t.after(on('completed', ({ operation }) => heard.push(operation)));
  const [one, two] = [createTestClient(), createTestClient()];
  t.after(() => Promise.all([one.close(), two.close()]));
  const call = (withOnce, name) => withOnce(name, () => name, { scope: [name, scope] });
  const takeAway = one.useAsDefault();
  const takeOther = two.useAsDefault();
  await call(withIdempotency, 'the later one');
  takeOther();
  await call(withIdempotency, 'the earlier one');
  takeAway();
  for (const client of [one, two]) await call(client.withIdempotency, 'nobody');
  assert.deepEqual(heard, ['the later one', 'the earlier one']);
});
