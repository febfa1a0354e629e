// A handler that has charged and then returns what cannot be kept: the key stays completed, whatever our own work on
// its response comes to.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inProduction } from '../support/environment.mjs';
import { assertProblem, counted, freshClient } from '../support/route.mjs';
import '../support/unhandled.mjs';
import { nextWarning } from '../support/warnings.mjs';

const headers = { location: '/orders/o-1', 'content-type': 'application/json', 'x-trace': 'a' };
const broken = (...chunks) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(Buffer.from(chunk));
    },
    pull: (controller) => controller.error(new Error('the provider hung up')),
  });

/** What a handler returns after it has charged, none of which can be replayed. */
const UNKEPT = {
  'a response whose body it has read': async () => {
    const response = Response.json({ id: 'o-1' }, { status: 201, headers });
    await response.text();
    return response;
  },
  'a response whose body somebody reads': () => {
    const response = Response.json({ id: 'o-1' }, { status: 201, headers });
    response.body.getReader();
    return response;
  },
  'a stream that breaks': () => new Response(broken('{"id":', '"o-'), { status: 201, headers }),
  'a stream of things that are no bytes': () => new Response(ReadableStream.from([{ id: 'o-1' }]), { headers }),
  'a response of an error': () => Response.error(),
  'what is no response': () => ({ id: 'o-1' }),
  nothing: () => undefined,
};

for (const [what, handler] of Object.entries(UNKEPT)) {
  for (const onCrash of ['rerun', 'hold']) {
    it(`E5 three requests charge once when the handler returns ${what} (${onCrash})`, async (t) => {
      const { send, calls, client } = counted(t, { onCrash }, handler);
      const events = [];
      client.on('result-unrecorded', ({ reason, path }) => events.push([reason, path]));
      await send().catch((error) => assert.match(error.message, /must return a Response/));
      for (let n = 0; n < 2; n++) {
        const problem = await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
        assert.match(problem.detail, /completed, but its value is not in the record/);
      }
      assert.equal(calls.length, 1);
      assert.deepEqual(events, [['unencodable', 'response']]);
      const { state, outcome } = await client.inspect({ hash: calls[0].ctx.hash });
      assert.deepEqual([state, outcome], ['completed', { kind: 'unavailable', reason: 'unencodable' }]);
    });
  }
}

describe('the first caller', () => {
  it('in development is told what was wrong with the response, and so is the developer', async (t) => {
    const warned = nextWarning();
    const { send } = counted(t, {}, UNKEPT['a response whose body it has read']);
    const { detail } = await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
    assert.match(detail, /body was read already/);
    assert.match((await warned).message, /the response of the route 'orders' cannot be kept: .*body was read already/);
  });

  it('in production gets status and headers of a response whose body is gone', async (t) => {
    inProduction(t);
    const warned = nextWarning();
    const { send } = counted(t, {}, UNKEPT['a response whose body it has read']);
    const first = await send();
    assert.deepEqual([first.status, first.headers.get('location'), await first.text()], [201, '/orders/o-1', '']);
    assert.equal(first.headers.get('content-type'), null, 'there is nothing of that type');
    await warned;
    await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
  });

  it('in production gets a stream that breaks as far as it came, and hears that it broke', async (t) => {
    inProduction(t);
    const { send, calls } = counted(t, {}, UNKEPT['a stream that breaks']);
    const first = await send();
    assert.deepEqual([first.status, first.headers.get('x-trace')], [201, 'a']);
    let got = '';
    await assert.rejects(async () => {
      for await (const chunk of first.body) got += Buffer.from(chunk);
    }, /the provider hung up/);
    assert.equal(got, '{"id":"o-');
    await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
    assert.equal(calls.length, 1);
  });

  it('in production gets the very response that can be neither kept nor copied', async (t) => {
    inProduction(t);
    const { send, calls } = counted(t, {}, UNKEPT['a response of an error']);
    assert.equal((await send()).type, 'error');
    await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
    assert.equal(calls.length, 1);
  });
});

describe('what can be kept after all', () => {
  it('a stream of texts, which Next sends as well', async (t) => {
    const { send, calls } = counted(t, {}, () => new Response(ReadableStream.from(['o-', '1'])));
    for (let n = 0; n < 2; n++) assert.equal(await (await send()).text(), 'o-1');
    assert.equal(calls.length, 1);
  });

  it('a response of another implementation of fetch', async (t) => {
    const foreign = () => {
      const { status, body } = new Response('o-1');
      return { status, statusText: '', headers: new Headers(), body, [Symbol.toStringTag]: 'Response' };
    };
    const { send, calls } = counted(t, {}, foreign);
    for (let n = 0; n < 2; n++) assert.equal(await (await send()).text(), 'o-1');
    assert.equal(calls.length, 1);
  });
});

it('E5 what only calls itself a response is handed to its caller, and completes the key', async (t) => {
  inProduction(t);
  const impostor = Object.assign(Object.create(null), { [Symbol.toStringTag]: 'Response' });
  const { send, calls } = counted(t, {}, () => impostor);
  assert.equal(await send(), impostor);
  await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
  assert.equal(calls.length, 1);
});

it('E5 a response of another implementation with a status that no other has: nothing is replayed', async (t) => {
  const handler = () => {
    const { body } = new Response('o-1');
    return { status: 799, statusText: '', headers: new Headers(), body, [Symbol.toStringTag]: 'Response' };
  };
  const { send, calls } = counted(t, { onError: 'record' }, handler);
  assert.equal((await send()).status, 799);
  await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
  assert.equal(calls.length, 1);
});

it('E5 a failure whose body breaks is a failure: onError decides about the key', async (t) => {
  const handler = () => new Response(broken('down'), { status: 502 });
  const released = counted(t, {}, handler);
  for (let n = 0; n < 2; n++) assert.equal((await released.send()).status, 502);
  assert.equal(released.calls.length, 2);
  const recorded = counted(t, { onError: 'record' }, handler);
  assert.equal((await recorded.send()).status, 502);
  await assertProblem(await recorded.send(), 409, 'ERR_RESULT_UNAVAILABLE');
  assert.equal(recorded.calls.length, 1);
});

it('E5 what a hook throws may be impossible to print: the key is completed, the caller has its response', async (t) => {
  const unprintable = Object.create(null);
  const hooks = {
    isFailure: () => {
      throw unprintable;
    },
  };
  const { send, calls } = counted(t, hooks);
  await new Promise(setImmediate); // Those of the tests before are told by then.
  const warned = nextWarning();
  assert.equal((await send()).status, 201);
  assert.match((await warned).message, /^isFailure threw/);
  assert.equal((await send()).headers.get('idempotent-replayed'), 'true');
  assert.equal(calls.length, 1);
});

it('E5 an isFailure that answers with a promise decides nothing, and does not release every key', async (t) => {
  const warned = nextWarning();
  const isFailure = async () => {
    throw new Error('later');
  };
  const { send, calls } = counted(t, { isFailure });
  for (let n = 0; n < 2; n++) assert.equal((await send()).status, 201);
  assert.match((await warned).message, /isFailure threw: TypeError: it must return true or false/);
  assert.equal(calls.length, 1);
});

it('E5 what onError, onResponse and a listener throw may be impossible to print, too', async (t) => {
  const client = freshClient(t);
  const throwing = () => {
    throw Object.create(null);
  };
  client.on(throwing);
  const onResponse = throwing;
  assert.equal(await client.withIdempotency('k', () => 'paid', { scope: 's', onResponse }), 'paid');
  assert.equal(await client.withIdempotency('k', () => 'paid twice', { scope: 's', onResponse }), 'paid');
  const declined = new Error('declined');
  const failing = client.withIdempotency('f', () => Promise.reject(declined), { scope: 's', onError: throwing });
  await assert.rejects(failing, (error) => error === declined);
});

it('E5 a value that cannot be asked whether it is a promise completes the key', async (t) => {
  inProduction(t);
  const client = freshClient(t);
  let runs = 0;
  const get = () => {
    throw new Error('not now');
  };
  const strange = () => {
    runs += 1;
    return Object.defineProperty({}, 'then', { get, enumerable: true });
  };
  const call = () => client.withIdempotency('k', strange, { scope: 's' });
  await assert.rejects(call(), /not now/); // No promise can be given such a value.
  await assert.rejects(call(), { code: 'ERR_RESULT_UNAVAILABLE' });
  assert.equal(runs, 1);
});
