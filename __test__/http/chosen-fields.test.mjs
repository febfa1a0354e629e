// What a route's selectors choose of a body. One that chooses nothing would let another total have the first order's
// response, so the request is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertProblem, counted } from '../support/route.mjs';
import '../support/unhandled.mjs';

const body = (value) => ({ body: value });

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}

describe('a path that selects nothing of a body', () => {
  for (const [what, sent] of Object.entries({
    JSON: { total: 5, note: 'x' },
    'a form': form({ total: '5', note: 'x' }),
  })) {
    it(`of ${what} is 400 with the names that are there, and nothing runs`, async (t) => {
      const { send, calls } = counted(t, { fingerprint: ['totl'] });
      const { detail } = await assertProblem(await send(body(sent)), 400, 'ERR_INVALID_ARGUMENT');
      assert.match(detail, /the body has nothing at 'totl'.*The names there are 'note', 'total'/);
      assert.equal(calls.length, 0);
    });
  }

  it('is none where it may be missing', async (t) => {
    const { send, calls } = counted(t, { fingerprint: ['total', 'coupon?'] });
    assert.equal((await send(body({ total: 5 }))).status, 201);
    assert.equal((await send(body({ note: 'x', total: 5 }))).headers.get('idempotent-replayed'), 'true');
    await assertProblem(await send(body({ total: 5, coupon: 'A' })), 422, 'ERR_KEY_REUSED');
    assert.equal(calls.length, 1);
  });
});

it('a name with a dot, in brackets or in an object is one place', async (t) => {
  for (const spelled of ['cart.total', 'cart[total]']) {
    const { send, calls } = counted(t, { fingerprint: ['cart.total'] });
    await send(body(form({ [spelled]: '5', sentAt: '1' })));
    assert.equal((await send(body(form({ [spelled]: '5', sentAt: '2' })))).status, 201);
    await assertProblem(await send(body(form({ [spelled]: '6', sentAt: '1' }))), 422, 'ERR_KEY_REUSED');
    assert.equal(calls.length, 1);
  }
});

it('a payload function that returns undefined is a fault of the route: it would compare nothing', async (t) => {
  const { send, calls } = counted(t, { payload: async () => undefined });
  const warned = new Promise((resolve) => process.once('warning', resolve));
  await assertProblem(await send(), 500, 'ERR_INVALID_ARGUMENT');
  assert.match((await warned).message, /payload returned undefined.*return null/);
  assert.equal(calls.length, 0);
  const nothing = counted(t, { payload: () => null });
  await nothing.send(body({ total: 5 }));
  assert.equal((await nothing.send(body({ total: 6 }))).headers.get('idempotent-replayed'), 'true');
});
