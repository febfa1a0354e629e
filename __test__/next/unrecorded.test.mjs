// An order whose first answer was lost is open until its own outcome was seen. What an action answers before it looks the
// key up is none: the redirect of a session that has ended, or a refusal of the input. One charge, however it goes on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calling, counted } from '../support/counted-action.mjs';
import { formOf } from '../support/next.mjs';
import '../support/unhandled.mjs';

const redirectTo = (url) => {
  throw Object.assign(new Error('NEXT_REDIRECT'), { digest: `NEXT_REDIRECT;push;${url};307;` });
};
const unauthorized = () => {
  throw Object.assign(new Error('401'), { digest: 'NEXT_HTTP_ERROR_FALLBACK;401' });
};
const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A schema that refuses while something is sold out. */
const inStock = (stock) => ({
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => (stock.isThere ? { value } : { issues: [{ message: 'sold out' }] }),
  },
});

const INPUTS = { 'an argument': () => ({ bags: '1' }), 'a form': () => formOf({ bags: '1' }) };

/** The order from an event handler, behind a network that can lose answers. */
function ordering(t, id, options, work) {
  const { action, calls } = counted(t, options, work);
  const network = { isLossy: false };
  const press = calling(
    async (...given) => {
      const answer = await action(...given).then(
        (value) => () => value,
        (error) => () => {
          throw error;
        },
      );
      if (network.isLossy) throw new TypeError('Failed to fetch');
      return answer();
    },
    { id },
  );
  const lose = async (input) => {
    network.isLossy = true;
    await assert.rejects(press(input), TypeError);
    network.isLossy = false;
  };
  return { press, lose, calls };
}

for (const [what, input] of Object.entries(INPUTS)) {
  describe(`an order by ${what}, whose answer was lost`, () => {
    for (const [how, refuse] of [
      ['to the login page', () => redirectTo('/login')],
      ['by unauthorized()', unauthorized],
    ]) {
      it(`and whose next try is sent away ${how}, is the same after the login`, async (t) => {
        let session = 'ann';
        const scope = () => session ?? refuse();
        const { press, lose, calls } = ordering(t, `${what} ${how}`, { scope }, () => 'charged');
        await lose(input());
        session = undefined;
        await assert.rejects(press(input()), { digest: /^NEXT_/ });
        session = 'ann';
        await soon();
        assert.equal(await press(input()), 'charged');
        assert.equal(calls.length, 1);
      });
    }

    it('and which was seen by a replay, is over', async (t) => {
      const { press, lose, calls } = ordering(t, `${what}, replayed`, {}, () => 'charged');
      await lose(input());
      assert.equal(await press(input()), 'charged');
      await soon();
      await press(input());
      assert.equal(calls.length, 2);
    });
  });
}

it('an order by a form, whose answer was lost, is the same after onInvalid refused its next try', async (t) => {
  const stock = { isThere: true };
  const options = { schema: inStock(stock), onInvalid: ([{ message }]) => ({ message }) };
  const { press, lose, calls } = ordering(t, 'invalid', options, () => 'charged');
  await lose(formOf({ bags: '1' }));
  stock.isThere = false;
  assert.deepEqual(await press(formOf({ bags: '1' })), { message: 'sold out' });
  stock.isThere = true;
  await soon();
  assert.equal(await press(formOf({ bags: '1' })), 'charged');
  assert.equal(calls.length, 1);
});

it('an order that ends in a redirect is over when that was seen', async (t) => {
  const { press, calls } = ordering(t, 'redirected', {}, () => redirectTo('/done'));
  for (const _ of [1, 2]) {
    await assert.rejects(press({ bags: '1' }), { digest: /^NEXT_REDIRECT/ });
    await soon();
  }
  assert.equal(calls.length, 2);
});

describe('what an action answers a form', () => {
  const TOKEN = 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6';
  const asked = (asker) => formOf({ bags: '1', 'idempotency-key': 'k', $ACTION_ACTONCE: asker });

  for (const asker of ['1', TOKEN, `any;${TOKEN.slice(1)}`]) {
    it(`of an older page, or of none of ours (${asker}), is as it was`, async (t) => {
      const refusing = counted(t, { scope: () => redirectTo('/login') });
      await assert.rejects(refusing.action(null, asked(asker)), { digest: 'NEXT_REDIRECT;push;/login;307;' });
      const invalid = counted(t, { schema: inStock({}), onInvalid: () => 'invalid' });
      assert.equal(await invalid.action(null, asked(asker)), 'invalid');
    });
  }

  it('is marked with the token where it is not on record, and as it is where it is', async (t) => {
    const mark = { 'actonce:unrecorded': TOKEN };
    const login = { scope: () => redirectTo('/login') };
    assert.deepEqual(await counted(t, login).action(null, asked(`any;${TOKEN}`)), {
      ...mark,
      flow: 'NEXT_REDIRECT;push;/login;307;',
    });
    await assert.rejects(counted(t, login).action(null, asked(`result;${TOKEN}`)), { digest: /\/login/ });
    const invalid = counted(t, { schema: inStock({}), onInvalid: async () => 'invalid' });
    assert.deepEqual(await invalid.action(null, asked(`result;${TOKEN}`)), { ...mark, value: 'invalid' });
    const done = counted(t, {}, () => redirectTo('/done'));
    for (const _ of ['first', 'replayed']) {
      await assert.rejects(done.action(null, asked(`any;${TOKEN}`)), { digest: /^NEXT_REDIRECT;push;\/done;/ });
    }
    const answering = { onResponse: () => redirectTo('/thanks') };
    await assert.rejects(counted(t, answering).action(null, asked(`any;${TOKEN}`)), { digest: /\/thanks/ });
    const failing = counted(t, { ...answering, onError: 'release' }, () => assert.fail('the provider timed out'));
    assert.equal((await failing.action(null, asked(`any;${TOKEN}`))).flow, 'NEXT_REDIRECT;push;/thanks;307;');
  });
});
