// ERR_KEY_REUSED says that a key has a record of other entries. For what this tab has sent before, that record may be the
// order itself, and what has changed is on the server: a new key would be a second charge.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { calling, counted } from '../support/counted-action.mjs';
import { next } from '../support/next.mjs';
import '../support/unhandled.mjs';

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Sends by `choose()`, and loses each answer while the network is lossy. */
function pressing(id, choose) {
  const network = { isLossy: true, keys: [] };
  const order = calling(
    async (key, input) => {
      network.keys.push(key);
      const result = await choose(network.keys.length)(key, input);
      if (network.isLossy) throw new TypeError('Failed to fetch');
      return result;
    },
    { id },
  );
  const press = async (input) => {
    await soon();
    return order(input).then(
      () => 'done',
      (error) => next.readProblem(error)?.code ?? 'lost',
    );
  };
  return { press, network };
}

it('an order whose answer was lost, and whose price has changed since, is charged once however often it is sent', async (t) => {
  let price = 10;
  const { action, calls } = counted(t, { payload: ({ bags }) => ({ bags, price }) });
  const { press, network } = pressing('price', () => action);
  assert.equal(await press({ bags: 1 }), 'lost');
  network.isLossy = false;
  price = 11;
  for (const _ of [1, 2, 3]) assert.equal(await press({ bags: 1 }), 'ERR_KEY_REUSED');
  assert.equal(calls.length, 1);
  assert.equal(new Set(network.keys).size, 1);
  assert.equal(await press({ bags: 2 }), 'done', 'an edit is a new order');
  price = 10;
  assert.equal(await press({ bags: 1 }), 'done', 'and the first has its outcome still');
  assert.equal(calls.length, 2);
});

it('so is one that is open while a deployment changes what is compared', async (t) => {
  const before = counted(t);
  const after = counted(t, { client: before.client, fingerprint: { exclude: ['captcha'] } });
  const { press, network } = pressing('deployment', (attempt) => (attempt === 1 ? before.action : after.action));
  const order = { bags: 1, captcha: 'a' };
  assert.equal(await press(order), 'lost');
  network.isLossy = false;
  for (const _ of [1, 2]) assert.equal(await press(order), 'ERR_KEY_REUSED');
  assert.deepEqual([before.calls.length, after.calls.length], [1, 0]);
});

it('a key that had a record before it was sent for the first time is given up, and the next try has another', async (t) => {
  const { action, calls } = counted(t);
  const { press, network } = pressing('taken', (attempt) => async (key, input) => {
    if (attempt === 1) await action(key, { bags: 9 });
    return action(key, input);
  });
  network.isLossy = false;
  assert.deepEqual([await press({ bags: 1 }), await press({ bags: 1 })], ['ERR_KEY_REUSED', 'done']);
  assert.notEqual(network.keys[0], network.keys[1]);
  assert.equal(calls.length, 2);
});
