// idempotentRoute: the IETF draft's header for APIs; over HTTP where the wire counts.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { gate } from '../support/gate.mjs';
import { next } from '../support/next.mjs';
import { startRedis } from '../support/redis.mjs';
import { assertProblem, counted, created, freshClient, ORDER } from '../support/route.mjs';
import { nextWarning } from '../support/warnings.mjs';

const { idempotentRoute } = next;
const { onEachStore } = conformance(createClient);
describe('keys', () => {
  it('B1 a missing key is 400, with a link to the documentation where there is one', async (t) => {
    const { send, calls } = counted(t, { documentation: 'https://shop.test/docs/keys' });
    const response = await send({ key: null });
    assert.equal(response.headers.get('link'), '<https://shop.test/docs/keys>; rel="describedby"');
    const { type } = await assertProblem(response, 400, 'ERR_KEY_MISSING');
    assert.equal(type, 'https://shop.test/docs/keys#ERR_KEY_MISSING');
    assert.equal(calls.length, 0);
  });

  it('B2 an empty key is 400', async (t) => {
    const { send } = counted(t);
    for (const key of ['', ' ', '""']) await assertProblem(await send({ key }), 400, 'ERR_KEY_MISSING');
  });

  it('B3 255 bytes of a key fit, 256 are 400', async (t) => {
    const { send, calls } = counted(t);
    assert.equal((await send({ key: 'k'.repeat(255) })).status, 201);
    await assertProblem(await send({ key: 'k'.repeat(256) }), 400, 'ERR_INVALID_ARGUMENT');
    const byBody = counted(t, { key: (_, body) => JSON.parse(Buffer.from(body)).id });
    assert.equal((await byBody.send({ body: { id: 'é'.repeat(127) } })).status, 201);
    await assertProblem(await byBody.send({ body: { id: 'é'.repeat(128) } }), 400, 'ERR_INVALID_ARGUMENT');
    assert.equal(calls.length + byBody.calls.length, 2);
  });

  it('B4 quoted and bare are one key, escapes are read, lists and parameters are 400', async (t) => {
    const { send, calls } = counted(t);
    for (const key of ['abc', '"abc"', '  "abc" ']) assert.equal((await send({ key })).status, 201);
    assert.equal(calls.length, 1);
    await send({ key: String.raw`"a\"b\\c"` });
    assert.equal(calls.at(-1).ctx.key, String.raw`a"b\c`);
    for (const key of ['"a", "b"', 'a, b', '"a";p=1', '"a', 'a"', String.raw`"\x"`, 'a b']) {
      await assertProblem(await send({ key }), 400, 'ERR_INVALID_ARGUMENT');
    }
    assert.equal(calls.length, 2);
  });
});

describe('payloads', () => {
  onEachStore('B5 another body after completion is 422, and the first one still replays', async (world) => {
    const { send, calls } = counted(world.t, { client: world.client() });
    await send();
    await assertProblem(await send({ body: { bags: 3 } }), 422, 'ERR_KEY_REUSED');
    const replay = await send();
    assert.deepEqual([replay.status, await replay.json()], [201, { id: 'o-1' }]);
    assert.equal(calls.length, 1);
  });

  onEachStore(
    'B6, B7 in progress: another body is 422; the same is 409 with Retry-After, and that is not recorded',
    async (world) => {
      const finish = gate();
      const { send, calls } = counted(world.t, { client: world.client() }, () => finish.promise.then(created));
      const first = send();
      while (calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await assertProblem(await send({ body: { bags: 3 } }), 422, 'ERR_KEY_REUSED');
      const second = await send();
      assert.ok(Number(second.headers.get('retry-after')) >= 1);
      assert.equal((await assertProblem(second, 409, 'ERR_IN_PROGRESS')).retryable, true);
      finish.resolve();
      assert.equal((await first).status, 201);
      assert.equal((await send()).status, 201);
      assert.equal(calls.length, 1);
    },
  );

  it('B8 the order of keys and white space are the same body; the order of arrays and types are not', async (t) => {
    const { send, calls } = counted(t);
    await send({ body: '{"a":1,"b":[1,2]}' });
    assert.equal((await send({ body: ' { "b" : [1, 2], "a": 1 } ' })).status, 201);
    for (const body of ['{"a":1,"b":[2,1]}', '{"a":"1","b":[1,2]}', '{"a":1', '']) {
      await assertProblem(await send({ body }), 422, 'ERR_KEY_REUSED');
    }
    assert.equal(calls.length, 1);
  });

  it('B8 a form is the same whatever boundary its client drew', async (t) => {
    const { send, calls } = counted(t);
    const form = () => {
      const data = new FormData();
      data.set('bags', '2');
      return data;
    };
    await send({ body: form() });
    assert.equal((await send({ body: form() })).status, 201);
    const bytes = new Uint8Array([0xff, 0, 1]);
    const headers = { 'content-type': 'application/octet-stream' };
    await send({ key: 'bytes', body: bytes, headers });
    assert.equal((await send({ key: 'bytes', body: bytes, headers })).headers.get('idempotent-replayed'), 'true');
    assert.equal(calls.length, 2);
  });

  it('B9 fields can be left out, at the root and below', async (t) => {
    const { send, calls } = counted(t, { fingerprint: { exclude: ['sentAt', 'meta.trace'] } });
    await send({ body: { bags: 1, sentAt: 1, meta: { trace: 'a', coupon: 'x' } } });
    assert.equal((await send({ body: { bags: 1, sentAt: 2, meta: { trace: 'b', coupon: 'x' } } })).status, 201);
    await assertProblem(await send({ body: { bags: 1, meta: { coupon: 'y' } } }), 422, 'ERR_KEY_REUSED');
    assert.equal(calls.length, 1);
  });

  it('B10, B11 another key, route, path, query, method or user runs', async (t) => {
    let user = 'ann';
    const { send, calls, client } = counted(t, { scope: () => user });
    await send();
    await send({ key: 'other' });
    await send({ path: '/orders/7' });
    await send({ path: '/orders?express=1' });
    await send({ path: '/orders?express=0' });
    await send({ method: 'PATCH' });
    user = 'bob';
    await send();
    assert.equal(calls.length, 7);
    const refunds = counted(t, { name: 'refunds', client });
    await refunds.send();
    assert.equal(refunds.calls.length, 1);
  });
});

describe('responses', () => {
  onEachStore('RH4 a new key above maxKeysPerScope is 429, with Retry-After for when there is room', async (world) => {
    const { send, calls } = counted(world.t, { client: world.client(), maxKeysPerScope: 1, retentionMs: 60_000 });
    assert.equal((await send()).status, 201);
    const response = await send({ key: 'another' });
    const seconds = Number(response.headers.get('retry-after'));
    assert.ok(seconds > 30 && seconds <= 64, `${seconds}`);
    assert.equal((await assertProblem(response, 429, 'ERR_QUOTA')).retryable, true);
    assert.equal((await send()).status, 201);
    assert.equal(calls.length, 1);
  });

  it('B12 a store that is away is 503 with Retry-After, and the handler does not run; only the operator is told where it was', async (t) => {
    const redis = await startRedis();
    await redis.stop();
    const client = createClient({ url: redis.url, totalTimeoutMs: 200 });
    t.after(() => client.close());
    const { send, calls } = counted(t, { client });
    const warned = nextWarning();
    const response = await send();
    assert.ok(Number(response.headers.get('retry-after')) >= 1);
    const { message } = await warned;
    assert.match(message, /the route 'orders' answered 503: The store did not answer/);
    assert.ok(message.includes(redis.url.replace(/^\w+:\/\//, '')));
    const { detail } = await assertProblem(response, 503, 'ERR_STORE_UNAVAILABLE');
    assert.ok(!detail.includes(redis.url.replace(/^\w+:\/\//, '')), 'the answer names our hosts');
    assert.equal(calls.length, 0);
  });

  it('B13 GET, PUT and DELETE pass; methods chooses others', async (t) => {
    const { send, calls } = counted(t);
    for (const method of ['GET', 'PUT', 'DELETE', 'PUT']) assert.equal((await send({ method, key: null })).status, 201);
    assert.deepEqual(
      calls.map(({ ctx }) => ctx.protected),
      [false, false, false, false],
    );
    for (const methods of [['PUT'], ['put']]) {
      const strict = counted(t, { methods });
      await assertProblem(await strict.send({ method: 'PUT', key: null }), 400, 'ERR_KEY_MISSING');
    }
  });

  it('what passes is not read: neither request nor response has to end, and no payload is taken of it', async (t) => {
    const pull = (controller) => controller.enqueue(Buffer.from('tick'));
    const endless = () => new Response(new ReadableStream({ pull }), { headers: { 'content-length': '9' } });
    const payload = () => assert.fail('there is none');
    const { route, send } = counted(t, { payload }, endless);
    const body = new ReadableStream({ pull });
    for (const response of [
      await send({ method: 'GET', key: null }),
      await route(new Request('http://shop.test/orders', { method: 'PUT', body, duplex: 'half' })),
    ]) {
      assert.equal(response.headers.get('content-length'), '9');
      const reader = response.body.getReader();
      assert.equal(Buffer.from((await reader.read()).value).toString(), 'tick');
      await reader.cancel();
    }
  });

  it('an empty scope is refused, a list of nobody as well', async (t) => {
    for (const scope of [undefined, null, [], '', ['']]) {
      const { send, calls } = counted(t, { scope: () => scope });
      await assertProblem(await send(), 500, 'ERR_INVALID_ARGUMENT');
      assert.equal(calls.length, 0);
    }
  });

  onEachStore('B14 status, body and headers replay; Set-Cookie and connection headers do not', async (world) => {
    const { send } = counted(world.t, { client: world.client() });
    const [first, second] = [await send(), await send()];
    assert.deepEqual([first.headers.get('set-cookie'), second.headers.get('set-cookie')], ['cart=; Max-Age=0', null]);
    assert.deepEqual(
      [first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')],
      [null, 'true'],
    );
    for (const response of [first, second]) {
      assert.deepEqual([response.status, response.headers.get('location')], [201, '/orders/o-1']);
      assert.match(response.headers.get('content-type'), /^application\/json/);
      assert.deepEqual(await response.json(), { id: 'o-1' });
    }
  });

  for (const [what, make, read] of [
    [
      'bytes that are no text',
      () => new Response(new Uint8Array([0xff, 0xfe, 0])),
      async (r) => [...((await r.bytes?.()) ?? new Uint8Array(await r.arrayBuffer()))],
    ],
    [
      'text with a byte order mark',
      () => new Response('\ufeffx'),
      async (r) => [...new Uint8Array(await r.arrayBuffer())],
    ],
    ['a stream', () => new Response(ReadableStream.from([Buffer.from('a'), Buffer.from('b')])), (r) => r.text()],
    ['no body', () => new Response(null, { status: 204 }), (r) => r.text()],
    ['a redirect', () => Response.redirect('http://shop.test/x', 303), (r) => r.headers.get('location')],
    ['a refusal of its own', () => Response.json({ error: 'sold out' }, { status: 409 }), (r) => r.json()],
  ]) {
    it(`replays ${what}`, async (t) => {
      const { send, calls } = counted(t, {}, make);
      const [first, second] = [await send(), await send()];
      assert.equal(first.status, second.status);
      assert.deepEqual(await read(first), await read(second));
      assert.deepEqual([calls.length, second.headers.get('idempotent-replayed')], [1, 'true']);
    });
  }

  it('a content-length that counts characters cuts neither the response nor its replay', async (t) => {
    const text = 'Grüße';
    const headers = { 'content-length': String(text.length) };
    const { send } = counted(t, {}, () => new Response(text, { headers }));
    for (const _ of ['first', 'replay']) {
      const response = await send();
      assert.deepEqual([response.headers.get('content-length'), await response.text()], [null, text]);
    }
  });

  it('a response without a content type stays so, and what NextResponse notes of cookies is not kept', async (t) => {
    const { send } = counted(
      t,
      {},
      () => new Response(Buffer.from('ok'), { headers: { 'x-middleware-set-cookie': 'session=secret' } }),
    );
    const [first, second] = [await send(), await send()];
    assert.deepEqual([first.headers.get('content-type'), second.headers.get('content-type')], [null, null]);
    assert.equal(second.headers.get('x-middleware-set-cookie'), null);
  });

  it('a 5xx counts as a failure: it is answered, and onError decides whether the next one runs', async (t) => {
    const broken = () => Response.json({ error: 'provider' }, { status: 502 });
    const released = counted(t, {}, broken);
    for (let n = 0; n < 2; n++) assert.deepEqual(await (await released.send()).json(), { error: 'provider' });
    assert.equal(released.calls.length, 2);
    const recorded = counted(t, { onError: 'record' }, broken);
    await recorded.send();
    const replay = await recorded.send();
    assert.deepEqual([replay.status, await replay.json(), recorded.calls.length], [502, { error: 'provider' }, 1]);
    const held = counted(t, { onCrash: 'hold' }, broken);
    assert.equal((await held.send()).status, 502);
    await assertProblem(await held.send(), 409, 'ERR_INDETERMINATE');
    const own = counted(t, { isFailure: ({ status }) => status === 201 });
    await own.send();
    await own.send();
    assert.equal(own.calls.length, 2);
  });

  it('an isFailure that throws decides nothing: what ran is kept, and the operator is told', async (t) => {
    const warned = nextWarning();
    const isFailure = () => {
      throw new Error('forgot one');
    };
    const { send, calls } = counted(t, { isFailure });
    assert.deepEqual([(await send()).status, (await send()).status, calls.length], [201, 201, 1]);
    assert.match((await warned).message, /^isFailure threw: Error: forgot one/);
  });

  it('those who wait for a 5xx get a copy of it each', async (t) => {
    const { send, calls } = counted(t, { onDuplicate: 'wait' }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return new Response('down', { status: 500 });
    });
    const responses = await Promise.all([send(), send(), send()]);
    assert.deepEqual(await Promise.all(responses.map((r) => r.text())), ['down', 'down', 'down']);
    assert.equal(calls.length, 1);
  });

  it('what the handler throws goes on to Next, and a redirect of Next replays', async (t) => {
    const failing = counted(t, {}, () => Promise.reject(new Error('bug')));
    await assert.rejects(failing.send(), /bug/);
    const digest = 'NEXT_REDIRECT;replace;/done;307;';
    const redirecting = counted(t, {}, () => Promise.reject(Object.assign(new Error('NEXT_REDIRECT'), { digest })));
    for (let n = 0; n < 2; n++) await assert.rejects(redirecting.send(), { digest });
    assert.equal(redirecting.calls.length, 1);
    const wrong = counted(t, {}, () => 'text');
    await assert.rejects(wrong.send(), /must return a Response/);
  });

  it('a response that is too large to keep is answered once and never run again', async (t) => {
    const { send, calls } = counted(t, { maxResultBytes: 50 }, () => new Response('x'.repeat(100)));
    assert.equal((await (await send()).text()).length, 100);
    await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
    assert.equal(calls.length, 1);
  });

  it('the handler can read the request, and is given its route', async (t) => {
    const echo = async (request, ctx, { params }) =>
      Response.json([await request.json(), (await params).id, ctx.deriveKey('x').length]);
    const { send } = counted(t, {}, echo);
    assert.deepEqual(await (await send()).json(), [ORDER, '7', 36]);
  });
});

it('B7 over HTTP: two connections at once, one run, and the retry after Retry-After gets the response', async (t) => {
  const refused = gate();
  const { route, calls } = counted(t, { client: freshClient(t) }, () => refused.promise.then(created));
  const server = http.createServer(async (incoming, outgoing) => {
    const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
      method: incoming.method,
      headers: incoming.headers,
      body: incoming,
      duplex: 'half',
    });
    const response = await route(request);
    outgoing.writeHead(response.status, [...response.headers].flat());
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const send = () => {
    const headers = { 'idempotency-key': '"8e03978e"', 'content-type': 'application/json', connection: 'close' };
    return fetch(`http://127.0.0.1:${server.address().port}/orders`, {
      method: 'POST',
      headers,
      body: JSON.stringify(ORDER),
    });
  };
  const both = [send(), send()];
  // The run ends when the other one has its answer, so that one comes first.
  assert.equal((await Promise.race(both)).status, 409);
  refused.resolve();
  assert.deepEqual((await Promise.all(both)).map(({ status }) => status).sort(), [201, 409]);
  const retried = await send();
  assert.deepEqual(
    [retried.status, retried.headers.get('idempotent-replayed'), await retried.json()],
    [201, 'true', { id: 'o-1' }],
  );
  assert.equal(calls.length, 1);
});

it('options are refused when the route is made, by name', () => {
  const good = { name: 'a', scope: () => 'x' };
  for (const wrong of [
    { name: '' },
    { scope: 'x' },
    { verify: 1 },
    { methods: 'POST' },
    { documentation: 'x' },
    { onResponse: () => 1 },
  ]) {
    const refused = { code: 'ERR_INVALID_ARGUMENT', message: new RegExp(Object.keys(wrong)[0]) };
    assert.throws(() => idempotentRoute({ ...good, ...wrong }, created), refused);
  }
  assert.throws(() => idempotentRoute(good), { code: 'ERR_INVALID_ARGUMENT' });
});
