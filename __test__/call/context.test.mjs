// What fn is given: keys for downstream calls, a signal that costs nothing unread, and recover before a repeated run.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createClient, currentIdempotency } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';

const { onEachStore } = conformance(createClient);
const scope = ['context', 'user-1'];

/** A key whose earlier attempt started, and nobody knows how it ended. */
async function vanished(client, key) {
  const fails = () => Promise.reject(new Error('no answer from the provider'));
  await assert.rejects(client.withIdempotency(key, fails, { scope, onError: 'hold' }));
  assert.equal(await client.resolve({ key, scope }, { rerun: true }), 'resolved');
}

/** An fn that must not run. */
const never = () => assert.fail('fn ran');

onEachStore('recover finds the outcome of a vanished attempt: fn does not run, and it is recorded', async (world) => {
  const client = world.client();
  await vanished(client, 'found');
  const recover = async (ctx) => ({ value: ['found', ctx.attempt, ctx.recovered, currentIdempotency() === ctx] });
  const value = ['found', 2, true, true];
  assert.deepEqual(await client.withIdempotency('found', never, { scope, recover }), value);
  assert.deepEqual(await client.withIdempotency('found', never, { scope }), value);
});

onEachStore('recover finds nothing: fn runs, and knows that it is repeated', async ({ client: open }) => {
  const client = open();
  for (const [key, found] of Object.entries({ undefined: undefined, null: null })) {
    await vanished(client, key);
    const fn = (ctx) => [ctx.attempt, ctx.recovered];
    assert.deepEqual(await client.withIdempotency(key, fn, { scope, recover: () => found }), [2, true]);
  }
});

onEachStore(
  'recover may find undefined, and what it finds is asked for only after a vanished attempt',
  async (world) => {
    const client = world.client();
    await vanished(client, 'undefined');
    const recover = () => ({ value: undefined });
    assert.equal(await client.withIdempotency('undefined', never, { scope, recover }), undefined);
    assert.equal(await client.withIdempotency('fresh', () => 'ran', { scope, recover: never }), 'ran');
    await assert.rejects(client.withIdempotency('failed', () => Promise.reject(new Error('no')), { scope }));
    assert.equal(await client.withIdempotency('failed', () => 'ran', { scope, recover: never }), 'ran');
  },
);

onEachStore(
  'recover that fails releases the key, whatever onError says, and the next attempt looks again',
  async (world) => {
    const client = world.client();
    await vanished(client, 'broken');
    const down = new Error('the database is down');
    const recover = () => Promise.reject(down);
    for (const onError of ['record', 'hold', 'release']) {
      const call = client.withIdempotency('broken', never, { scope, recover, onError });
      await assert.rejects(call, (error) => error === down);
    }
    const call = client.withIdempotency('broken', never, { scope, recover: () => 'the order' });
    await assert.rejects(call, { code: 'ERR_INVALID_ARGUMENT', message: /recover must return/ });
    const found = client.withIdempotency('broken', never, { scope, recover: () => ({ value: 'found' }) });
    assert.equal(await found, 'found');
  },
);

onEachStore('F1 recover may end in a redirect to what it found', async ({ client: open }) => {
  const client = open();
  await vanished(client, 'redirect');
  const redirect = Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;push;/orders/7;307;' });
  const recover = () => {
    throw redirect;
  };
  await assert.rejects(client.withIdempotency('redirect', never, { scope, recover }), (error) => error === redirect);
  const { kind, url } = await client.withIdempotency.outcome('redirect', never, { scope });
  assert.deepEqual([kind, url], ['redirect', '/orders/7']);
});

onEachStore('an error thrown by fn after recover found nothing follows onError', async ({ client: open }) => {
  const client = open();
  await vanished(client, 'after');
  const options = { scope, recover: () => undefined, onError: 'record' };
  const fails = () => Promise.reject(new Error('declined'));
  await assert.rejects(client.withIdempotency('after', fails, options), /declined/);
  await assert.rejects(client.withIdempotency('after', never, { scope }), /declined/);
});

onEachStore(
  'RA6 deriveKey gives the same UUIDv5 in every attempt, another for each name, key, scope and prefix',
  async (world) => {
    const client = world.client();
    const seen = [];
    const derive = ({ deriveKey }) =>
      seen.push(deriveKey('charge'), deriveKey('mail')) && Promise.reject(new Error('no'));
    for (const [key, where] of [
      ['k', scope],
      ['k', scope],
      ['other', scope],
      ['k', 'elsewhere'],
    ]) {
      await assert.rejects(client.withIdempotency(key, derive, { scope: where }), /no/);
    }
    const foreign = world.client({ prefix: 'another' });
    await assert.rejects(foreign.withIdempotency('k', derive, { scope }), /no/);
    for (const key of seen) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(seen.slice(0, 2), seen.slice(2, 4));
    assert.equal(new Set(seen).size, 8);
  },
);

onEachStore('deriveKey refuses a name that names nothing', async ({ client: open }) => {
  const names = ['', undefined, null, 5, '\ud800'];
  const fn = ({ deriveKey }) => {
    for (const name of names) assert.throws(() => deriveKey(name), { code: 'ERR_INVALID_ARGUMENT' });
  };
  await open().withIdempotency('names', fn, { scope });
});

onEachStore('fn, recover and onResponse run in the async context of their caller', async ({ client: open }) => {
  const client = open();
  const request = new AsyncLocalStorage();
  await vanished(client, 'als');
  const seen = [];
  const see = (what) => () => void seen.push([what, request.getStore()]);
  const calls = ['a', 'b'].map((name) =>
    request.run(name, () =>
      client.withIdempotency(name === 'a' ? 'als' : 'als-b', see('fn'), {
        scope,
        recover: see('recover'),
        onResponse: see('response'),
      }),
    ),
  );
  await Promise.all(calls);
  const of = (name) => seen.filter(([, store]) => store === name).map(([what]) => what);
  assert.deepEqual(
    [of('a'), of('b')],
    [
      ['recover', 'fn', 'response'],
      ['fn', 'response'],
    ],
  );
});

onEachStore(
  'duplicates that wait for a run get their onResponse in their own async context',
  async ({ client: open }) => {
    const client = open();
    const other = open();
    const request = new AsyncLocalStorage();
    const seen = [];
    let end;
    const owner = client.withIdempotency('own', () => new Promise((resolve) => (end = resolve)), { scope });
    const onResponse = ({ status }) => void seen.push(`${status} ${request.getStore()}`);
    const joined = request.run('joined', () => client.withIdempotency('own', never, { scope, onResponse }));
    while (end === undefined) await new Promise(setImmediate);
    const waited = request.run('waited', () => other.withIdempotency('own', never, { scope, onResponse }));
    end('value');
    assert.deepEqual(await Promise.all([owner, joined, waited]), ['value', 'value', 'value']);
    assert.deepEqual(seen.toSorted(), ['joined joined', 'replayed waited']);
  },
);

onEachStore(
  'a key may be used inside its own function by a client whose secret makes another record of it',
  async (world) => {
    const secrets = ['a secret of sixteen', 'another secret of sixteen'];
    const [one, same, other] = [secrets[0], secrets[0], secrets[1]].map((secret) => world.client({ secret }));
    const inside = (client) =>
      one.withIdempotency('k', () => client.withIdempotency('k', () => 'inner', { scope }), { scope });
    await assert.rejects(inside(same), { code: 'ERR_REENTRANT' });
    assert.equal(await inside(other), 'inner');
  },
);

onEachStore('a signal that is first asked for when the lease is lost has aborted', async ({ client: open }) => {
  const client = open();
  const lost = gate();
  client.on('lease-lost', lost.resolve);
  let late;
  const fn = async (ctx) => {
    await lost.promise;
    late = ctx.signal;
  };
  const call = client.withIdempotency('k', fn, { scope, leaseMs: 600, maxLeaseMs: 700 });
  await assert.rejects(call, { code: 'ERR_LEASE_LOST' });
  await eventually(() => late !== undefined);
  assert.deepEqual([late.aborted, late.reason.code, late.reason.reason], [true, 'ERR_LEASE_LOST', 'max-lease']);
});

onEachStore('a lease that is lost while the result is written costs its caller nothing', async ({ client: open }) => {
  const client = open();
  const events = [];
  client.on(({ type }) => events.push(type));
  const read = gate();
  const file = Object.defineProperty(new Blob(['paid']), 'arrayBuffer', { value: () => read.promise });
  let signal;
  const fn = (ctx) => {
    signal = ctx.signal;
    return { file };
  };
  const call = client.withIdempotency('k', fn, { scope, leaseMs: 600, maxLeaseMs: 700 });
  call.catch(() => {});
  await eventually(() => signal?.aborted);
  read.resolve(new TextEncoder().encode('paid').buffer);
  assert.equal((await call).file, file);
  assert.deepEqual(events, ['claimed', 'completed']);
});
