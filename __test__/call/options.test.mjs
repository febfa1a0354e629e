// Every option that cannot be used is refused where it is given: nothing is sent, nothing runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';

const { DEFAULTS, settingsOfCall, settingsOfClient } = await bundle('lib/call/options.ts');

/** Nothing listens there: an option that got as far as the store would fail with another code. */
const NOWHERE = 'redis://127.0.0.1:1';

const NOT_A_DURATION = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1000', null, 10n, {}];
const DURATIONS = ['waitTimeoutMs', 'leaseMs', 'maxLeaseMs', 'retentionMs', 'recordTimeoutMs', 'maxResultBytes'];
const REFUSED = {
  ...Object.fromEntries(DURATIONS.map((name) => [name, NOT_A_DURATION])),
  onDuplicate: ['Wait', 'join', true, null, 1],
  onCrash: ['retry', '', null],
  onError: ['ignore', null, 1, {}],
  onStoreUnavailable: ['fail', true, null],
  maxKeysPerScope: [0, -1, 1.5, 1_000_000_001, '5', null],
  enabled: [1, 'true', null],
};
const REFUSED_OF_CALLS = {
  ...REFUSED,
  scope: ['', [], null, {}, Number.NaN, ['a', undefined]],
  fingerprint: ['a', [], [''], [1], {}, { exclude: [] }, { exclude: 'a' }, null],
  recover: [null, {}, 'x'],
  signal: [null, {}, new AbortController()],
  onResponse: [null, {}],
  skip: [null, 'no', 1],
};

async function refusesCall(client, options, label) {
  let ran = 0;
  const call = client.withIdempotency('k', () => ran++, { scope: 's', ...options });
  await assert.rejects(call, { code: 'ERR_INVALID_ARGUMENT', retryable: false }, label);
  assert.equal(ran, 0, label);
}

test('every option of a call is refused when it cannot be used, before any I/O', async (t) => {
  const client = createClient({ url: NOWHERE });
  t.after(() => client.close());
  for (const [name, values] of Object.entries(REFUSED_OF_CALLS)) {
    for (const value of values) await refusesCall(client, { [name]: value }, `${name}: ${String(value)}`);
  }
  await assert.rejects(
    client.withIdempotency('k', () => 1, null),
    { code: 'ERR_INVALID_ARGUMENT' },
  );
  await assert.rejects(
    client.withIdempotency('k', () => 1, 'scope'),
    { code: 'ERR_INVALID_ARGUMENT' },
  );
});

test('an option nobody knows is refused by name: a misspelt one would silently be a default', async (t) => {
  const client = createClient({ url: NOWHERE });
  t.after(() => client.close());
  await assert.rejects(
    client.withIdempotency('k', () => 1, { leaseMS: 5 }),
    { message: /option leaseMS is not known/ },
  );
  assert.throws(() => createClient({ uri: 'memory:' }), { message: /option uri is not known/ });
  assert.throws(() => createClient({ defaults: { scope: 's' } }), { message: /option scope is not known/ });
});

test('an option that is nearly one, or is called otherwise elsewhere: the message says which is meant', async (t) => {
  const client = createClient({ url: NOWHERE });
  t.after(() => client.close());
  const call = (options) => client.withIdempotency('k', () => 1, options).catch((error) => error.message);
  for (const [given, meant] of Object.entries({
    leaseMS: 'leaseMs',
    lease: 'leaseMs',
    lockTimeout: 'leaseMs',
    ttl: 'retentionMs',
    expiresIn: 'retentionMs',
    retentionSeconds: 'retentionMs',
    timeout: 'waitTimeoutMs',
    onerror: 'onError',
    onFailure: 'onError',
    onDuplicates: 'onDuplicate',
    playload: 'payload',
    userId: 'scope',
    maxKeys: 'maxKeysPerScope',
  })) {
    assert.match(await call({ [given]: 5 }), new RegExp(`option ${given} is not known; did you mean ${meant}\\?`));
  }
  assert.match(await call({ zebra: 5 }), /option zebra is not known\./, 'no guess');
  const make = (options) => {
    try {
      createClient(options);
    } catch (error) {
      return error.message;
    }
  };
  const tls = (name) => make({ url: 'rediss://host', tls: { [name]: 'x' } });
  assert.match(make({ uri: 'memory:' }), /option uri is not known; did you mean url\?/);
  assert.match(make({ host: 'localhost' }), /option host is not known; did you mean url\?/);
  assert.match(make({ keyPrefix: 'p' }), /option keyPrefix is not known; did you mean prefix\?/);
  assert.match(make({ leaseMs: 5 }), /option leaseMs belongs to calls; did you mean defaults: \{ leaseMs \}\?/);
  assert.match(tls('serverName'), /option tls\.serverName is not known; did you mean tls\.servername\?/);
  assert.match(tls('rejectUnauthorized'), /rejectUnauthorized is not known; did you mean tls\.fingerprint256\?/);
});

test('an fn that is no function, or a generator function, is refused before the key is claimed', async (t) => {
  const client = createClient({ url: NOWHERE });
  t.after(() => client.close());
  const generators = [function* () {}, async function* () {}];
  for (const fn of [undefined, null, 1, 'fn', {}, Promise.resolve(1), ...generators]) {
    await assert.rejects(client.withIdempotency('k', fn, { scope: 's' }), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

test('A13 a missing or empty key is refused before any I/O', async (t) => {
  const client = createClient({ url: NOWHERE });
  t.after(() => client.close());
  for (const key of [undefined, null, '']) {
    await assert.rejects(
      client.withIdempotency(key, () => 1, { scope: 's' }),
      { code: 'ERR_KEY_MISSING' },
    );
  }
});

test('a missing key: the message says whose it is, where a key comes from, and how to do without', async (t) => {
  const client = createClient({ url: NOWHERE });
  t.after(() => client.close());
  const missing = (scope) => client.withIdempotency(undefined, () => 1, { scope }).catch((error) => error.message);
  const message = await missing(['placeOrder', 'user-4711']);
  for (const word of ["'placeOrder'", 'idempotency-key', 'Idempotency-Key', "missingKey: 'run'", 'skip: true']) {
    assert.ok(message.includes(word), `${word}: ${message}`);
  }
  assert.doesNotMatch(message, /user-4711/);
  // A scope that is not an array may be a user's id.
  assert.doesNotMatch(await missing('user-4711'), /user-4711/);
});

test('every option of a client is refused when it cannot be used', () => {
  const refused = {
    url: ['', 'localhost:6379', 'http://localhost', 'redis:/x', 'redis://host:0x', 5, null],
    prefix: ['', 'a b', 'a{b}', 'p'.repeat(65), null, 5],
    secret: ['', 'short', [], ['x'.repeat(16), 'short'], null, '\ud800'.repeat(16)],
    defaults: [null, 5, 'x'],
    codec: [null, {}, { encode() {} }],
    errors: [null, {}, ['Error'], [() => 1]],
    cache: [null, true, { maxEntries: 0 }, { maxBytes: 1.5 }, { maxAgeMs: 5_001 }, { ttl: 5 }],
    executor: ['tokio', null],
    eviction: ['ignore', true, null],
    connectTimeoutMs: NOT_A_DURATION,
    commandTimeoutMs: NOT_A_DURATION,
    totalTimeoutMs: NOT_A_DURATION,
    tls: [null, true, { ca: 5 }, { pfx: 'x' }, { cert: 'c' }, { key: 'k' }],
  };
  for (const [name, values] of Object.entries(refused)) {
    for (const value of values) {
      const make = () => createClient({ url: 'memory:', [name]: value });
      assert.throws(make, { code: 'ERR_INVALID_ARGUMENT' }, `${name}: ${String(value)}`);
    }
  }
  for (const [name, values] of Object.entries(REFUSED)) {
    for (const value of values) {
      const make = () => createClient({ url: 'memory:', defaults: { [name]: value } });
      assert.throws(make, { code: 'ERR_INVALID_ARGUMENT' }, `defaults.${name}: ${String(value)}`);
    }
  }
  assert.throws(() => createClient(null), { code: 'ERR_INVALID_ARGUMENT' });
});

test("what an operator's request cannot use is refused before any I/O", async (t) => {
  const client = createClient({ url: NOWHERE });
  t.after(() => client.close());
  const invalid = { code: 'ERR_INVALID_ARGUMENT' };
  for (const target of [
    null,
    'k',
    { hash: 'short' },
    { hash: undefined },
    { hash: 'h'.repeat(22), key: 'k' },
    { id: 1 },
  ]) {
    await assert.rejects(client.inspect(target), invalid);
  }
  await assert.rejects(client.inspect({}), { code: 'ERR_KEY_MISSING' });
  await assert.rejects(client.reset({ key: 'k' }, { force: 1 }), invalid);
  await assert.rejects(client.reset({ key: 'k' }, null), invalid);
  for (const resolution of [undefined, {}, { rerun: false }, { rerun: true, value: 1 }, { value: 1, retentionMs: 0 }]) {
    await assert.rejects(client.resolve({ key: 'k' }, resolution), invalid);
  }
  for (const graceMs of [-1, 1.5, Number.NaN]) await assert.rejects(client.close({ graceMs }), invalid);
});

test('what is undefined is the default, and a call overrides its client', () => {
  assert.equal(settingsOfClient(undefined), DEFAULTS);
  const client = settingsOfClient({ leaseMs: 5_000, onCrash: undefined });
  assert.deepEqual(client, { ...DEFAULTS, leaseMs: 5_000 });
  assert.deepEqual(settingsOfCall(client, { onCrash: 'hold', leaseMs: undefined }), { ...client, onCrash: 'hold' });
});

test('a call that changes no setting allocates none', () => {
  const client = settingsOfClient({ leaseMs: 5_000 });
  assert.equal(settingsOfCall(client, undefined), client);
  assert.equal(settingsOfCall(client, { scope: 's', payload: 1 }), client);
});

test('a lease is never longer than the longest run', () => {
  assert.equal(settingsOfClient({ maxLeaseMs: 2_000 }).leaseMs, 2_000);
  assert.equal(settingsOfCall(DEFAULTS, { maxLeaseMs: 100 }).leaseMs, 100);
});
