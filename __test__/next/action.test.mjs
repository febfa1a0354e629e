// idempotentAction, called as React and Next call it; what needs a running Next is in next.test.mjs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { z } from 'zod';
import { ActonceError } from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';
import { calling, counted } from '../support/counted-action.mjs';
import { formOf, next } from '../support/next.mjs';

const { idempotentAction, readProblem, withActonce } = next;
const { CODES } = await bundle('lib/errors.ts');

describe('how an action is called', () => {
  it('with a key and an argument: once per key, for everybody the same', async (t) => {
    const { action, calls } = counted(t);
    const all = await Promise.all([1, 2, 3].map(() => action('k', { bags: 2 })));
    assert.deepEqual(all, Array(3).fill({ ran: { bags: 2 } }));
    await action('other', { bags: 2 });
    assert.equal(calls.length, 2);
  });

  it('F6, F7 as a form, by useActionState and with JavaScript or without: one intent', async (t) => {
    const { action, calls } = counted(t, {}, (form) => ({ bags: form.get('bags') }));
    const plain = { bags: '2', 'idempotency-key': 'k' };
    const withScript = { ...plain, $ACTION_ID_7f00: '', _1_$ACTION_KEY: 'kc9aeaa27' };
    assert.deepEqual(await action(formOf(plain)), { bags: '2' });
    assert.deepEqual(await action({ n: 0 }, formOf(withScript)), { bags: '2' });
    // A double click's second previous state is the first one's result.
    assert.deepEqual(await action({ bags: '2' }, formOf(withScript)), { bags: '2' });
    assert.equal(calls.length, 1);
  });

  it('B1, B2 without a key it is refused, or run without protection', async (t) => {
    const strict = counted(t);
    for (const call of [
      () => strict.action(undefined, 1),
      () => strict.action('', 1),
      () => strict.action(formOf({})),
    ]) {
      await assert.rejects(call, { code: 'ERR_KEY_MISSING', digest: 'ACTONCE;ERR_KEY_MISSING;0' });
    }
    assert.equal(strict.calls.length, 0);
    const lax = counted(t, { missingKey: 'run' });
    await lax.action(null, 1);
    await lax.action(null, 1);
    assert.deepEqual(
      lax.calls.map(({ ctx }) => ctx.protected),
      [false, false],
    );
  });
});

describe('who a key belongs to', () => {
  it('F11, H4 a forged key of another user runs for the forger and shows nothing', async (t) => {
    let user = 'ann';
    const { action, calls } = counted(t, { scope: async () => user }, () => ({ secret: user }));
    assert.deepEqual(await action('k', 1), { secret: 'ann' });
    user = 'bob';
    assert.deepEqual(await action('k', 1), { secret: 'bob' });
    assert.equal(calls.length, 2);
  });

  it('is asked on every call, replays included, and what it throws is never recorded', async (t) => {
    let mayEnter = true;
    const login = Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;replace;/login;307;' });
    const scope = () => {
      if (!mayEnter) throw login;
      return 'ann';
    };
    const { action, calls } = counted(t, { scope });
    await action('k', 1);
    mayEnter = false;
    await assert.rejects(action('k', 1), (error) => error === login);
    mayEnter = true;
    await action('k', 1);
    assert.equal(calls.length, 1);
  });

  it('is named by the action as well, and cannot be empty', async (t) => {
    const { action, calls, client } = counted(t);
    await action('k', 1);
    await idempotentAction({ name: 'refund', scope: () => 'ann', client }, () => calls.push('refund'))('k', 1);
    assert.equal(calls.length, 2);
    for (const scope of [undefined, null, '', [], ['ann', undefined], [''], Number.NaN]) {
      const { action: broken, calls: none } = counted(t, { scope: () => scope });
      await assert.rejects(broken('k', 1), { code: 'ERR_INVALID_ARGUMENT' }, JSON.stringify(scope));
      assert.equal(none.length, 0);
    }
  });
});

describe('what was sent', () => {
  const zod = z.object({ bags: z.coerce.number().int().min(1, 'at least one bag'), gift: z.boolean().default(false) });
  const valibot = v.pipeAsync(
    v.objectAsync({
      bags: v.pipe(v.string(), v.transform(Number), v.minValue(1, 'at least one bag')),
      gift: v.optional(v.boolean(), false),
    }),
    v.checkAsync(async () => true),
  );
  for (const [name, schema] of Object.entries({ zod, valibot })) {
    it(`is checked by ${name}; what it refuses is not recorded, and the key can be used again`, async (t) => {
      const { action, calls } = counted(t, { schema });
      const form = (bags) => formOf({ bags, 'idempotency-key': 'k', $ACTION_ID_7: '' });
      await assert.rejects(action(form('0')), (error) => {
        assert.deepEqual([error.code, error.name], ['ERR_INVALID_INPUT', 'InvalidInputError']);
        assert.equal(error.issues[0].message, 'at least one bag');
        return true;
      });
      assert.deepEqual(await action(form('2')), { ran: { bags: 2, gift: false } });
      assert.equal(calls.length, 1);
    });
  }

  it('onInvalid answers with a form state', async (t) => {
    const onInvalid = (issues, sent) => ({ issues: issues.map(({ message }) => message), kept: sent.get('bags') });
    const { action, calls } = counted(t, { schema: zod, onInvalid });
    const state = await action(null, formOf({ bags: '0', 'idempotency-key': 'k' }));
    assert.deepEqual(state, { issues: ['at least one bag'], kept: '0' });
    assert.equal(calls.length, 0);
  });

  it('is compared as it was sent, so that a default made anew each time does not refuse the retry', async (t) => {
    let made = 0;
    const schema = z.object({ at: z.number().default(() => made++) });
    const { action, calls } = counted(t, { schema });
    await action('k', {});
    await action('k', {});
    assert.equal(calls.length, 1);
    await assert.rejects(action('k', { at: 5 }), { code: 'ERR_KEY_REUSED' });
    const chosen = counted(t, { payload: (input) => input.cart });
    await chosen.action('k', { cart: 1, sentAt: 1 });
    await chosen.action('k', { cart: 1, sentAt: 2 });
    assert.equal(chosen.calls.length, 1);
  });

  it('is refused when payload returns undefined, which would compare nothing', async (t) => {
    const { action, calls } = counted(t, { payload: (input) => input.crat });
    await assert.rejects(action('k', { cart: 1 }), {
      code: 'ERR_INVALID_ARGUMENT',
      message: /payload returned undefined/,
    });
    assert.equal(calls.length, 0);
    const nothing = counted(t, { payload: () => null });
    await nothing.action('k', { cart: 1 });
    await nothing.action('k', { cart: 2 });
    assert.equal(nothing.calls.length, 1);
  });

  it('a name that a form holds again is a list for the schema', async (t) => {
    const schema = z.object({ size: z.array(z.string()), note: z.string() });
    const { action } = counted(t, { schema });
    const form = formOf({ size: ['s', 'm'], note: '', 'idempotency-key': 'k' });
    assert.deepEqual(await action(form), { ran: { size: ['s', 'm'], note: '' } });
  });
});

describe('how it is answered', () => {
  it('onProblem answers our refusals, not what the function throws, and is not recorded', async (t) => {
    const onProblem = (problem, sent) => ({ problem: problem.code, sent: sent.get('bags') });
    const { action, calls } = counted(t, { onProblem }, (input) => {
      if (input.get('bags') === 'none') throw new Error('declined');
      return 'done';
    });
    const order = (key, bags) => action(formOf({ 'idempotency-key': key, bags }));
    assert.equal(await order('k', '1'), 'done');
    assert.deepEqual(await order('k', '2'), { problem: 'ERR_KEY_REUSED', sent: '2' });
    assert.equal(await order('k', '1'), 'done');
    await assert.rejects(order('f', 'none'), /declined/);
    assert.equal(calls.length, 2);
  });

  for (const [what, input] of [
    ['an argument', () => ({ bags: 1 })],
    ['a form', () => formOf({ bags: '1' })],
  ]) {
    it(`useIdempotentCall with ${what}: a refusal is no outcome, whatever onProblem says; the next try has the same key`, async (t) => {
      const { action, client } = counted(t, { onProblem: ({ code }) => ({ code }) });
      client.failStore();
      const keys = [];
      const send = (key, sent) => {
        keys.push(key);
        return action(key, sent);
      };
      const order = calling(send, { id: what });
      await assert.rejects(order(input()), { code: 'ERR_STORE_UNAVAILABLE' });
      client.restoreStore();
      await new Promise((resolve) => setTimeout(resolve, 5));
      await order(input());
      assert.deepEqual(keys, [keys[0], keys[0]]);
    });
  }

  it('F4 onResponse is called for every answer, with the input', async (t) => {
    const seen = [];
    const { action } = counted(
      t,
      { onResponse: ({ status, kind, value }, input) => seen.push([status, kind, value, input]) },
      () => 7,
    );
    await action('k', 'in');
    await action('k', 'in');
    assert.deepEqual(seen, [
      ['executed', 'value', 7, 'in'],
      ['replayed', 'value', 7, 'in'],
    ]);
  });

  it('recover gets the input', async (t) => {
    const { action, client } = counted(t, { recover: (_, input) => ({ value: `found ${input}` }) });
    const scope = ['order', 'ann'];
    await assert.rejects(
      client.withIdempotency('k', () => Promise.reject(new Error('timeout')), { scope, onError: 'hold' }),
    );
    await client.resolve({ key: 'k', scope }, { rerun: true });
    assert.equal(await action('k', 'in'), 'found in');
  });

  it('readProblem reads our digests and no other', () => {
    const reference = '8IUVOsVTDZvV-sXmr8Y40A';
    const known = { code: 'ERR_IN_PROGRESS', retryable: true, retryAfterMs: 1200, reference };
    assert.deepEqual(readProblem({ digest: `ACTONCE;ERR_IN_PROGRESS;1200;${reference}` }), known);
    assert.deepEqual(readProblem({ digest: 'ACTONCE;ERR_IN_PROGRESS;1200' }), { ...known, reference: undefined });
    for (const code of Object.keys(CODES)) {
      assert.equal(readProblem(new ActonceError(code)).retryable, CODES[code].retryable, code);
    }
    for (const other of [
      undefined,
      null,
      'x',
      {},
      { digest: 'NEXT_NOT_FOUND' },
      { digest: 'ACTONCE;x;1' },
      { digest: 'ACTONCE;ERR_IN_PROGRESS;1200;short' },
      { digest: 5 },
    ]) {
      assert.equal(readProblem(other), undefined);
    }
  });
});

describe('options', () => {
  it('are refused when the action is made, by name', () => {
    const good = { name: 'a', scope: () => 'x' };
    const cases = {
      name: [{ name: '' }, { name: undefined }, { name: 5 }],
      scope: [{ scope: 'ann' }, { scope: undefined }],
      schema: [{ schema: {} }],
      missingKey: [{ missingKey: 'ignore' }],
      leaseMs: [{ leaseMs: 0 }],
      replayCookies: [{ replayCookies: 'cart' }],
      nmae: [{ nmae: 'typo' }],
      client: [{ client: {} }],
      fingerprint: [{ fingerprint: 5 }, { fingerprint: [] }],
      signal: [{ signal: {} }],
    };
    for (const [name, wrong] of Object.entries(cases)) {
      for (const more of wrong) {
        const refused = { code: 'ERR_INVALID_ARGUMENT', message: new RegExp(name) };
        assert.throws(() => idempotentAction({ ...good, ...more }, () => 1), refused, JSON.stringify(more));
      }
    }
    assert.throws(() => idempotentAction(good), { code: 'ERR_INVALID_ARGUMENT' });
  });

  it('replayCookies needs a user', async (t) => {
    for (const scope of ['public', ['public'], ['public', 'public']]) {
      const { action, calls } = counted(t, { scope: () => scope, replayCookies: ['cart'] });
      await assert.rejects(action('k', 1), { code: 'ERR_INVALID_ARGUMENT', message: /user/ });
      assert.equal(calls.length, 0);
    }
  });

  it('replayCookies may come and go with a deployment: what is on record replays either way', async (t) => {
    const seen = [];
    const onResponse = ({ kind, value }) => seen.push([kind, value]);
    const before = counted(t, { onResponse });
    const { client } = before;
    const after = counted(t, { client, onResponse, replayCookies: ['cart'] });
    for (const [key, first, second] of [
      ['came', before, after],
      ['went', after, before],
    ]) {
      for (const { action } of [first, second]) assert.deepEqual(await action(key, 1), { ran: 1 });
    }
    assert.deepEqual(seen, Array(4).fill(['value', { ran: 1 }]));
    assert.deepEqual([before.calls.length, after.calls.length], [1, 1]);
  });

  it('replayCookies does not hide what recover found', async (t) => {
    const { action, client } = counted(t, { replayCookies: ['cart'], recover: () => ({ value: 'found' }) });
    const scope = ['order', 'ann'];
    await assert.rejects(
      client.withIdempotency('k', () => Promise.reject(new Error('timeout')), { scope, onError: 'hold' }),
    );
    await client.resolve({ key: 'k', scope }, { rerun: true });
    assert.equal(await action('k', 'in'), 'found');
  });

  it('withActonce adds the package once, to objects and functions, and keeps the rest', async () => {
    const named = { serverExternalPackages: ['actonce/server'] };
    assert.deepEqual(withActonce(), named);
    assert.deepEqual(withActonce(withActonce({ output: 'standalone' })), { output: 'standalone', ...named });
    assert.deepEqual(await withActonce(Promise.resolve({ output: 'export' })), { output: 'export', ...named });
    const config = withActonce(async (phase) => ({ env: { phase }, serverExternalPackages: ['sharp'] }));
    assert.deepEqual(await config('build'), {
      env: { phase: 'build' },
      serverExternalPackages: ['sharp', 'actonce/server'],
    });
  });
});
