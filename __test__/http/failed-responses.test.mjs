// Responses that count as failures and are recorded, and what an operator settles a route's record with: a replay is
// what the first caller got, or is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { recordUnder } from '../support/record.mjs';
import { assertProblem, counted } from '../support/route.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const large = 'x'.repeat(100_000);
const scope = ['orders', 'POST /orders', 'ann'];

for (const [what, body, read] of [
  ['of 100,000 characters', large, (response) => response.text()],
  [
    'of 100,000 bytes',
    new Uint8Array(100_000).fill(0xff),
    async (response) => new Uint8Array(await response.arrayBuffer()),
  ],
  ['without a body', null, (response) => response.text()],
]) {
  onEachStore(`a recorded 503 ${what} replays as the same 503`, async (world) => {
    const [one, two] = [world.client(), world.client()];
    const handler = () => new Response(body, { status: 503, headers: { 'retry-after': '7' } });
    const first = counted(world.t, { client: one, onError: 'record' }, handler);
    const second = counted(world.t, { client: two }, handler);
    const expected = await read(await first.send());
    for (const { send } of [second, first, second]) {
      const replay = await send();
      assert.deepEqual([replay.status, replay.headers.get('retry-after')], [503, '7']);
      assert.deepEqual(await read(replay), expected);
      assert.equal(replay.headers.get('idempotent-replayed'), 'true');
    }
    assert.deepEqual([first.calls.length, second.calls.length], [1, 0]);
    const { state } = await one.inspect({ key: 'k', scope });
    assert.equal(state, 'failed');
  });
}

onEachStore('a recorded failure is told as an error, by the run and by its replays', async (world) => {
  const [one, two] = [world.client(), world.client()];
  const events = [];
  for (const client of [one, two]) client.on((event) => 'kind' in event && events.push([event.type, event.kind]));
  const handler = () => new Response(large, { status: 502 });
  const [first, second] = [one, two].map((client) => counted(world.t, { client, onError: 'record' }, handler));
  // From the cache of the process that ran, from the store, and from the cache of a process that has replayed.
  for (const { send } of [first, first, second, second]) await send();
  assert.deepEqual(events, [
    ['completed', 'error'],
    ['replayed', 'error'],
    ['replayed', 'error'],
    ['replayed', 'error'],
  ]);
});

onEachStore(
  'a failure that is released is told as an error to those who wait in another process, too',
  async (world) => {
    const [one, two] = [world.client(), world.client()];
    const events = [];
    for (const client of [one, two]) client.on(({ type, kind }) => kind && events.push([type, kind]));
    const [inside, answer, compared] = [gate(), gate(), gate()];
    const handler = async () => {
      inside.resolve();
      await answer.promise;
      return new Response('down', { status: 503 });
    };
    const onDuplicate = 'wait';
    const payload = () => {
      compared.resolve();
      return null;
    };
    const first = counted(world.t, { client: one, onDuplicate, payload: () => null }, handler);
    const second = counted(world.t, { client: two, onDuplicate, payload }, handler);
    const failing = first.send();
    await inside.promise;
    const waiting = second.send();
    await compared.promise;
    await new Promise(setImmediate);
    const isMarked = async () => (await recordUnder(world.redis, world.options.prefix)).flags % 2 === 1;
    if (world.redis) await eventually(isMarked, { what: 'somebody waiting' });
    answer.resolve();
    for (const response of await Promise.all([failing, waiting])) {
      assert.deepEqual([response.status, await response.text()], [503, 'down']);
    }
    assert.deepEqual(events, [['replayed', 'error']]);
    assert.deepEqual([first.calls.length, second.calls.length], [1, 0]);
  },
);

onEachStore('a recorded failure above maxResultBytes is refused to replays, and runs nothing again', async (world) => {
  const client = world.client();
  const options = { client, onError: 'record', maxResultBytes: 5_000 };
  const { send, calls } = counted(world.t, options, () => new Response(large, { status: 502 }));
  assert.equal((await (await send()).text()).length, large.length);
  await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
  assert.equal(calls.length, 1);
});

onEachSharedStore(
  'who waits in another process for a large 502 gets it as well, where it is released',
  async (world) => {
    const finish = gate();
    const handler = () => finish.promise.then(() => new Response(large, { status: 502 }));
    const [one, two] = [world.client(), world.client()].map((client) =>
      counted(world.t, { client, onDuplicate: 'wait' }, handler),
    );
    const first = one.send();
    while (one.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = two.send();
    await new Promise((resolve) => setTimeout(resolve, 100));
    finish.resolve();
    const answers = await Promise.all([first, second]);
    assert.deepEqual(await Promise.all(answers.map(async (answer) => [answer.status, (await answer.text()).length])), [
      [502, large.length],
      [502, large.length],
    ]);
    assert.deepEqual([one.calls.length, two.calls.length], [1, 0]);
  },
);

describe('an error of the application that looks like ours', () => {
  class FailedResponse extends Error {
    name = 'FailedResponse';
    response = { status: 200, statusText: '', headers: [['location', 'https://evil.test']], body: 'forged' };
  }

  onEachStore('is thrown, first and replayed', async (world) => {
    const client = world.client({ errors: [FailedResponse] });
    const handler = () => Promise.reject(new FailedResponse('upstream said so'));
    const { send, calls } = counted(world.t, { client, onError: 'record' }, handler);
    for (let n = 0; n < 3; n++) await assert.rejects(send(), /upstream said so/);
    assert.equal(calls.length, 1);
  });
});

it('onError sees which response it decides about', async (t) => {
  const seen = [];
  const onError = ({ name, message, response }) => {
    seen.push([name, message, response.status, response.body]);
    return 'record';
  };
  const { send } = counted(t, { onError }, () => new Response('down', { status: 503 }));
  await send();
  assert.deepEqual(seen, [['FailedResponse', 'the route answered 503', 503, 'down']]);
});

describe('an operator settles the record of a route', () => {
  const held = async (world, resolution) => {
    const client = world.client();
    const timeout = () => Promise.reject(new Error('timeout'));
    const { send, calls } = counted(world.t, { client, onError: 'hold' }, timeout);
    await assert.rejects(send(), /timeout/);
    assert.equal(await client.resolve({ key: 'k', scope }, resolution), 'resolved');
    assert.equal(calls.length, 1);
    return { send, calls, client };
  };

  onEachStore('with a Response: every replay is that response', async (world) => {
    const value = Response.json({ id: 'o-1' }, { status: 201, headers: { location: '/orders/o-1' } });
    const { send, calls } = await held(world, { value });
    for (let n = 0; n < 2; n++) {
      const replay = await send();
      assert.deepEqual([replay.status, replay.headers.get('location')], [201, '/orders/o-1']);
      assert.deepEqual(await replay.json(), { id: 'o-1' });
    }
    assert.equal(calls.length, 1);
  });

  for (const [what, value] of Object.entries({
    'an order': { id: 'o-1' },
    'a text': 'o-1',
    null: null,
    'what looks half like a response': { status: 201, body: { id: 'o-1' } },
  })) {
    onEachStore(`with ${what}: every replay is that as JSON`, async (world) => {
      const { send } = await held(world, { value });
      for (let n = 0; n < 2; n++) {
        const replay = await send();
        assert.deepEqual([replay.status, replay.headers.get('content-type')], [200, 'application/json']);
        assert.deepEqual(await replay.json(), value);
        assert.equal(replay.headers.get('idempotent-replayed'), 'true');
      }
    });
  }

  onEachStore('with nothing: every replay has no content', async (world) => {
    const { send } = await held(world, { value: undefined });
    const replay = await send();
    assert.deepEqual([replay.status, await replay.text()], [204, '']);
  });

  onEachStore('with what no JSON carries: replays are refused', async (world) => {
    const { send } = await held(world, { value: new Map([['id', 1n]]) });
    const problem = await assertProblem(await send(), 409, 'ERR_RESULT_UNAVAILABLE');
    assert.match(problem.detail, /no response/);
  });

  onEachStore('with a Response that was read: resolve refuses', async (world) => {
    const client = world.client();
    await assert.rejects(client.withIdempotency('k', () => Promise.reject(new Error('x')), { scope, onError: 'hold' }));
    const value = new Response('x');
    await value.text();
    const refused = { code: 'ERR_RESULT_UNAVAILABLE', message: /read already/ };
    await assert.rejects(client.resolve({ key: 'k', scope }, { value }), refused);
    assert.equal((await client.inspect({ key: 'k', scope })).state, 'indeterminate');
  });
});
