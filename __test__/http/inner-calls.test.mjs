// An inner call that refuses, inside of a route or an action: its refusal is a fault of the function, and never told as
// the outer call's, after which a client would forget the outer key.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { useIdempotentCall } from '../../dist/react.mjs';
import { ActonceError, createClient, defineStateMachine, IndeterminateError } from '../support/actonce.mjs';
import { formOf, next } from '../support/next.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { assertProblem, counted, freshClient } from '../support/route.mjs';

const { idempotentAction, readProblem } = next;

const nested = (client, options, fn = () => 1) => client.withIdempotency('nested', fn, { scope: 'nested', ...options });
const ofAnother = (code) => () => Promise.reject(new ActonceError(code, { hash: 'of another' }));
const payments = (client) => defineStateMachine(paymentConfig, { client });
let payment = 0;

/** A payment that has got PROCESS, under the key of a webhook's event. */
async function processed(client) {
  const machine = payments(client);
  const id = `p-${payment++}`;
  await machine.create(id);
  await machine.send(id, 'PROCESS', { idempotencyKey: 'evt-1' });
  return { machine, id };
}

/** Runs with a client whose store nobody has started. */
async function away(work) {
  const client = createClient({ url: 'redis://127.0.0.1:1', totalTimeoutMs: 50, connectTimeoutMs: 50 });
  await work(client).finally(() => client.close({ graceMs: 0 }));
}

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
  ERR_REENTRANT: (client, ctx) => client.withIdempotency(ctx.key, () => 1, { scope: ['order', 'ann'] }),
  ERR_QUOTA: async (client) => {
    for (const key of ['a', 'b']) await client.withIdempotency(key, () => 1, { scope: 'one', maxKeysPerScope: 1 });
  },
  'ERR_KEY_REUSED of an event': async (client) => {
    const { machine, id } = await processed(client);
    await machine.send(id, 'COMPLETE', { idempotencyKey: 'evt-1' });
  },
  'ERR_INVALID_ARGUMENT of an event': async (client) => {
    const { machine, id } = await processed(client);
    await machine.send(id, 'COMPLETE', { data: 'x'.repeat(300_000) });
  },
  'ERR_STORE_UNAVAILABLE of an event': () => away((other) => payments(other).send('p', 'PROCESS')),
  'ERR_STORE_UNAVAILABLE of a step': (_, ctx) => away((other) => ctx.transition(payments(other), 'p', 'PROCESS')),
  'ERR_RESULT_UNAVAILABLE of resolve': (client) =>
    client.resolve({ key: 'nested', scope: 'nested' }, { value: () => 1 }),
  'ERR_CLOSED of another client': async () => {
    const other = createClient({ url: 'memory:closed' });
    await other.close();
    await other.withIdempotency('k', () => 1, { scope: 's' });
  },
};
/** By the title of each, the code that it is. */
const CODES = Object.keys(INNER).map((title) => [title, title.split(' ')[0]]);

describe('in a route', () => {
  for (const [title, code] of CODES) {
    // A route has the request's method and path in its scope.
    if (title === 'ERR_REENTRANT') continue;
    for (const onError of ['release', 'record']) {
      it(`${title} inside goes on to Next, first and replayed (${onError})`, async (t) => {
        const client = freshClient(t);
        const { send, calls } = counted(t, { client, onError }, (_, ctx) => INNER[title](client, ctx));
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

  it('this call has lost its lease, or an instance refuses an event: the route answers', async (t) => {
    const client = freshClient(t);
    const lost = counted(t, { client, leaseMs: 300 }, async (_, ctx) => {
      await client.reset({ hash: ctx.hash }, { force: true });
      while (!ctx.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      ctx.assertHeld();
    });
    await assertProblem(await lost.send(), 409, 'ERR_LEASE_LOST');
    const machine = payments(client);
    const illegal = counted(t, { client, name: 'machine', onError: 'record' }, async (_, ctx) => {
      await machine.create('p-1');
      await ctx.transition(machine, 'p-1', 'COMPLETE');
    });
    for (let n = 0; n < 2; n++) await assertProblem(await illegal.send(), 409, 'ERR_INVALID_TRANSITION');
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
  for (const [title, code] of CODES) {
    it(`after ${title} inside the browser sends the same key again`, async (t) => {
      const client = freshClient(t);
      const keys = [];
      let isBroken = true;
      const action = idempotentAction({ name: 'order', scope: () => 'ann', client }, (_, ctx) =>
        isBroken ? INNER[title](client, ctx) : 'ordered',
      );
      const order = calling((key, input) => {
        keys.push(key);
        return action(key, input);
      }, title);
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

  for (const code of ['ERR_INVALID_TRANSITION', 'ERR_VERSION_CONFLICT', 'ERR_NOT_FOUND', 'ERR_STATE_NOT_REACHED']) {
    it(`${code} is told to the page, which sends the same key again`, async (t) => {
      const client = freshClient(t);
      const keys = [];
      const about = new Map([
        ['ERR_INVALID_TRANSITION', ({ machine, id }) => machine.send(id, 'CANCEL')],
        ['ERR_VERSION_CONFLICT', ({ machine, id }) => machine.send(id, 'COMPLETE', { expectedVersion: 9 })],
        ['ERR_NOT_FOUND', ({ machine }) => machine.send('nobody', 'PROCESS')],
        ['ERR_STATE_NOT_REACHED', ({ machine, id }) => machine.waitFor(id, 'completed', { timeoutMs: 1 })],
      ]).get(code);
      const action = idempotentAction({ name: 'order', scope: () => 'ann', client }, async () =>
        about(await processed(client)),
      );
      const order = calling((key, input) => {
        keys.push(key);
        return action(key, input);
      }, code);
      for (let n = 0; n < 2; n++) {
        await assert.rejects(order(1), (error) => readProblem(error)?.code === code);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.deepEqual(keys, [keys[0], keys[0]]);
    });
  }

  it('what schema, onInvalid and onProblem call and are refused is told to nobody', async (t) => {
    const client = freshClient(t);
    const refuses = () => INNER.ERR_KEY_REUSED(client);
    const rules = (validate) => ({ '~standard': { version: 1, vendor: 'test', validate } });
    const isSilent = (error) => error.code === 'ERR_KEY_REUSED' && readProblem(error) === undefined;
    const invalid = () => ({ issues: [{ message: 'no' }] });
    for (const options of [{ schema: rules(refuses) }, { schema: rules(invalid), onInvalid: refuses }]) {
      const action = idempotentAction({ name: 'order', scope: () => 'ann', client, ...options }, () => 1);
      await assert.rejects(action('k', 1), isSilent);
    }
    const onProblem = refuses;
    const action = idempotentAction({ name: 'order', scope: () => 'ann', client, onProblem }, () => 1);
    await action(formOf({ 'idempotency-key': 'k', bags: '1' }));
    await assert.rejects(action(formOf({ 'idempotency-key': 'k', bags: '2' })), isSilent);
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
