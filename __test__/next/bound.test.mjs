// Arguments that are bound in front of an action: `buy.bind(null, product.id)`. They are declared, and then part of what
// is sent; what is not declared is refused in words, never guessed at.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTestClient } from '../../dist/testing.mjs';
import '../support/actonce.mjs';
import { calling, counted } from '../support/counted-action.mjs';
import { formOf } from '../support/next.mjs';

const order = (more = {}) => formOf({ 'idempotency-key': 'k', bags: '2', ...more });
const refused = (message) => ({ code: 'ERR_INVALID_ARGUMENT', message });

describe('bound arguments that are declared', () => {
  const ways = {
    'a form': (buy, form) => buy(form),
    useActionState: (buy, form) => buy({ n: 0 }, form),
    'an event handler': (buy, form) => buy('k', form),
  };
  for (const [way, send] of Object.entries(ways)) {
    it(`reach the function last, from ${way}, and the form's own key counts`, async (t) => {
      const { action, calls } = counted(t, { bound: 1 });
      await send(action.bind(null, 'product-7'), order());
      assert.deepEqual(
        calls.map(({ input, ctx, more }) => [input.get('bags'), ctx.key, more]),
        [['2', 'k', ['product-7']]],
      );
    });
  }

  it('are part of the payload: the same key for another product is refused', async (t) => {
    for (const fingerprint of [undefined, ['bags'], { exclude: ['sentAt'] }, (form) => form.get('bags')]) {
      const { action, calls } = counted(t, { bound: 1, fingerprint });
      const send = (product, sentAt) => action.bind(null, product)(order({ sentAt: fingerprint ? sentAt : '0' }));
      await send('product-7', '1');
      await send('product-7', '2');
      await assert.rejects(send('product-8', '1'), { code: 'ERR_KEY_REUSED' });
      assert.equal(calls.length, 1);
    }
  });

  it('several, a form among them, in their order', async (t) => {
    const { action, calls } = counted(t, { bound: 3 });
    const address = formOf({ city: 'Graz' });
    const buy = action.bind(null, 'product-7', address);
    await buy.bind(null, 3)(null, order());
    await action('product-7', address, 3, order());
    await assert.rejects(action('product-7', formOf({ city: 'Wien' }), 3, order()), { code: 'ERR_KEY_REUSED' });
    assert.deepEqual(
      calls.map(({ more }) => more),
      [['product-7', address, 3]],
    );
  });

  it('reach every function that gets the input', async (t) => {
    const got = [];
    const told =
      (who, answer) =>
      (...args) => {
        got.push([who, args.at(-1)]);
        return answer;
      };
    const client = createTestClient();
    const scope = ['order', 'ann'];
    await assert.rejects(client.withIdempotency('k', () => Promise.reject(new Error('x')), { scope, onError: 'hold' }));
    await client.resolve({ key: 'k', scope }, { rerun: true });
    const { action } = counted(t, {
      client,
      bound: 1,
      scope: told('scope', 'ann'),
      payload: told('payload', 1),
      recover: told('recover'),
      onResponse: told('onResponse'),
    });
    await action.bind(null, 'product-7')('k', { bags: 2 });
    assert.deepEqual(
      got,
      ['scope', 'payload', 'recover', 'onResponse'].map((who) => [who, 'product-7']),
    );
  });

  it('count beside what payload returns', async (t) => {
    const { action, calls } = counted(t, { bound: 1, payload: ({ bags }) => bags });
    await action('product-7', 'k', { bags: 2, sentAt: 1 });
    await action('product-7', 'k', { bags: 2, sentAt: 2 });
    await assert.rejects(action('product-8', 'k', { bags: 2 }), { code: 'ERR_KEY_REUSED' });
    assert.equal(calls.length, 1);
  });

  it('a path that selects nothing of the input is refused, and named as it was written', async (t) => {
    const { action } = counted(t, { bound: 1, fingerprint: ['bgs'] });
    await assert.rejects(action('product-7', order()), refused(/the path 'bgs' .*names there are 'bags'/));
  });

  it('a file among them is compared by its bytes, and so is one of the form', async (t) => {
    const { action, calls } = counted(t, { bound: 1 });
    const photo = (bytes) => new File([bytes], 'a.png', { type: 'image/png' });
    const send = (bound, sent) => action(photo(bound), order({ photo: photo(sent) }));
    for (const _ of [1, 2]) await send('ab', 'cd');
    for (const [bound, sent] of [
      ['xy', 'cd'],
      ['ab', 'xy'],
    ]) {
      await assert.rejects(send(bound, sent), { code: 'ERR_KEY_REUSED' });
    }
    assert.equal(calls.length, 1);
  });

  it('an order that was placed before the action declared them is still found', async (t) => {
    for (const fingerprint of [undefined, ['bags'], { exclude: ['sentAt?'] }, (form) => form.get('bags')]) {
      // The older version dropped what was bound.
      const { client } = counted(t);
      const before = { scope: ['order', 'ann'], payload: order(), fingerprint };
      await client.withIdempotency('k', () => ({ ran: 'before' }), before);
      const { action, calls } = counted(t, { client, bound: 1, fingerprint });
      assert.deepEqual(await action.bind(null, 'product-7')(order()), { ran: 'before' });
      await assert.rejects(action.bind(null, 'product-7')(order({ bags: '3' })), { code: 'ERR_KEY_REUSED' });
      assert.equal(calls.length, 0);
    }
  });

  it('are given to useIdempotentCall, for which another product is another order', async (t) => {
    const { action, calls } = counted(t, { bound: 1 });
    const buy = (product) => calling(action, { id: 'buy', bound: [product], repeatAfterMs: 60_000 });
    const sends = ['product-7', 'product-7', 'product-8'].map((product) => buy(product)({ bags: 2 }));
    await Promise.all(sends);
    assert.deepEqual(
      calls.map(({ more }) => more),
      [['product-7'], ['product-8']],
    );
  });
});

describe('bound arguments that are not declared', () => {
  it('are refused by their number, and nothing runs', async (t) => {
    const { action, calls } = counted(t);
    const words = /'order' was called with 1 bound argument.*bound: 1/;
    await assert.rejects(action.bind(null, 'product-7')(null, order()), refused(words));
    await assert.rejects(action.bind(null, 'product-7')('k', { bags: 2 }), refused(words));
    await assert.rejects(action('a', 'b', null, order()), refused(/with 2 bound arguments.*bound: 2/));
    assert.equal(calls.length, 0);
  });

  it('are refused by what React says of them in the form', async (t) => {
    const { action, calls } = counted(t);
    for (const prefix of ['', '_1_']) {
      const form = order({ [`${prefix}$ACTION_REF_1`]: '', [`${prefix}$ACTION_1:0`]: '{"id":"7f","bound":"$@1"}' });
      await assert.rejects(action('product-7', form), refused(/1 bound argument/));
      form.set(`${prefix}$ACTION_KEY`, 'k5');
      await action({ previous: 'state' }, form);
    }
    assert.equal(calls.length, 1);
  });

  it('are an answer of onProblem where a form shows one', async (t) => {
    const { action } = counted(t, { onProblem: ({ code }) => ({ code }) });
    assert.deepEqual(await action('product-7', null, order()), { code: 'ERR_INVALID_ARGUMENT' });
  });

  it('too few are refused as well', async (t) => {
    const { action, calls } = counted(t, { bound: 2 });
    await assert.rejects(action(order()), refused(/'order' was called with 1 argument in all.*bound: 2/));
    await assert.rejects(action('a', 'k', { bags: 2 }), refused(/with 3 arguments in all/));
    assert.equal(calls.length, 0);
  });

  it('a key in front of a form is none: the field is', async (t) => {
    const { action, calls } = counted(t);
    await action('not-a-key', order());
    assert.equal(calls[0].ctx.key, 'k');
  });
});

it('fewer bound arguments than declared are refused where React says in the form that one is the previous state', async (t) => {
  const { action, calls } = counted(t, { bound: 2 });
  const said = { $ACTION_REF_1: '', '$ACTION_1:0': 'x', $ACTION_KEY: 'k1' };
  for (const given of [['product-7', { message: 'previous state' }], [null]]) {
    const form = formOf({ ...said, 'idempotency-key': 'k', bags: '1' });
    await assert.rejects(action(...given, form), { code: 'ERR_INVALID_ARGUMENT', message: /declares bound: 2/ });
  }
  await action('product-7', 'large', null, formOf({ ...said, 'idempotency-key': 'k', bags: '1' }));
  assert.equal(calls.length, 1);
});

it('a call without an argument of its own reaches an action with bound arguments', async (t) => {
  const { action, calls } = counted(t, { bound: 1 });
  await calling(action, { id: 'no argument', bound: ['product-7'] })();
  assert.deepEqual([calls[0].input, calls[0].more], [undefined, ['product-7']]);
});
