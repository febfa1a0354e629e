// An inner call that refuses, inside of a route or an action: its refusal is a fault of the function, and never told as
// the outer call's, after which a client would forget the outer key.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { useIdempotentCall } from '../../dist/react.mjs';
import { ActonceError, defineStateMachine, IndeterminateError, LeaseLostError } from '../support/actonce.mjs';
import { formOf, next } from '../support/next.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { assertProblem, counted, freshClient } from '../support/route.mjs';

const { idempotentAction, readProblem } = next;

const nested = (client, options, fn = () => 1) => client.withIdempotency('nested', fn, { scope: 'nested', ...options });
const ofAnother = (code) => () => Promise.reject(new ActonceError(code, { hash: 'of another' }));

/** What a nested call may reject with, by a real one where that is easy. */
const INNER = {
  ERR_KEY_REUSED: async (client) => {
    await nested(client, { payload: 1 });
    await nested(client, { payload: 2 });
  },
  ERR_INDETERMINATE: async (client) => {
    await nested(client, { onError: 'hold' }, () => Promise.reject(new Error('timeout'))).catch(() => {});
    await nested(client);
  },
  ERR_RESULT_UNAVAILABLE: async (client) => {
    await nested(client, { maxResultBytes: 1 }, () => 'large').catch(() => {});
    await nested(client);
  },
  ERR_KEY_MISSING: (client) => client.withIdempotency('', () => 1),
  ERR_INVALID_ARGUMENT: (client) => client.withIdempotency('k', () => 1, { scope: '' }),
  ERR_IN_PROGRESS: ofAnother('ERR_IN_PROGRESS'),
  ERR_STORE_UNAVAILABLE: ofAnother('ERR_STORE_UNAVAILABLE'),
};
const CODES = Object.keys(INNER);

describe('in a route', () => {
  for (const code of CODES) {
    for (const onError of ['release', 'record']) {
      it(`${code} of a nested call goes on to Next, first and replayed (${onError})`, async (t) => {
        const client = freshClient(t);
        const { send, calls } = counted(t, { client, onError }, () => INNER[code](client));
        for (let n = 0; n < 2; n++) await assert.rejects(send(), (error) => error.code === code);
        assert.equal(calls.length, onError === 'record' ? 1 : 2);
      });
    }
  }

  it('what scope, key and payload call and are refused goes on as well', async (t) => {
    const client = freshClient(t);
    for (const hook of ['scope', 'key', 'payload']) {
      const { send, calls } = counted(t, { client, [hook]: () => INNER.ERR_KEY_REUSED(client) });
      await assert.rejects(send(), { code: 'ERR_KEY_REUSED' }, hook);
      assert.equal(calls.length, 0);
    }
  });

  it("this call's own refusals are answered, also where the handler throws them", async (t) => {
    const lost = counted(t, {}, (_, ctx) => Promise.reject(new LeaseLostError('expired', { hash: ctx.hash })));
    await assertProblem(await lost.send(), 409, 'ERR_LEASE_LOST');
    const machine = defineStateMachine(paymentConfig, { client: lost.client });
    const illegal = counted(t, { client: lost.client, name: 'machine', onError: 'record' }, async (_, ctx) => {
      await machine.create('p-1');
      await ctx.transition(machine, 'p-1', 'COMPLETE');
    });
    for (let n = 0; n < 2; n++) await assertProblem(await illegal.send(), 409, 'ERR_INVALID_TRANSITION');
    const away = counted(t, {}, () => Promise.reject(new ActonceError('ERR_STORE_UNAVAILABLE')));
    await assertProblem(await away.send(), 503, 'ERR_STORE_UNAVAILABLE');
  });
});

/** What useIdempotentCall gives a component. */
function calling(action, id) {
  let call;
  renderToString(
    createElement(() => {
      call = useIdempotentCall(action, { id, repeatAfterMs: 0 });
      return null;
    }),
  );
  return call;
}

describe('in an action', () => {
  for (const code of CODES) {
    it(`after ${code} of a nested call the browser sends the same key again`, async (t) => {
      const client = freshClient(t);
      const keys = [];
      let isBroken = true;
      const action = idempotentAction({ name: 'order', scope: () => 'ann', client }, () =>
        isBroken ? INNER[code](client) : 'ordered',
      );
      const order = calling((key, input) => {
        keys.push(key);
        return action(key, input);
      }, code);
      await assert.rejects(order(1), (error) => error.code === code && readProblem(error) === undefined);
      isBroken = false;
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(await order(1), 'ordered');
      assert.deepEqual(keys, [keys[0], keys[0]]);
    });
  }

  it('onProblem does not answer for a nested call, and does for this one', async (t) => {
    const client = freshClient(t);
    const onProblem = ({ code }) => ({ problem: code });
    const action = idempotentAction({ name: 'order', scope: () => 'ann', client, onProblem }, (form) =>
      form.get('bags') === '1' ? 'ordered' : INNER.ERR_KEY_REUSED(client),
    );
    const send = (key, bags) => action(formOf({ 'idempotency-key': key, bags }));
    await assert.rejects(send('k', '2'), { code: 'ERR_KEY_REUSED' });
    assert.equal(await send('one', '1'), 'ordered');
    assert.deepEqual(await send('one', '3'), { problem: 'ERR_KEY_REUSED' });
  });

  it('a run without protection tells nobody of it, either', async (t) => {
    const client = freshClient(t);
    const options = { name: 'order', scope: () => 'ann', client, missingKey: 'run' };
    const action = idempotentAction(options, () => INNER.ERR_KEY_REUSED(client));
    await assert.rejects(
      action(null, 1),
      (error) => error.code === 'ERR_KEY_REUSED' && readProblem(error) === undefined,
    );
  });
});

it('a held outcome of an inner call keeps its fields', async (t) => {
  const client = freshClient(t);
  const error = new IndeterminateError(7, new Date(1), { hash: 'of another' });
  await assert.rejects(
    client.withIdempotency('k', () => Promise.reject(error), { scope: 's' }),
    (thrown) => thrown === error && thrown.fence === 7 && thrown.hash === 'of another',
  );
});
