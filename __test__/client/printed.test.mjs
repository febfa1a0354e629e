// Nothing that is printed shows a password, a secret or a key: no object of the package and no error, however it is
// printed, and wherever the user gave the secret, in the right place or in a wrong one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { format, inspect } from 'node:util';
import * as actonce from '../support/actonce.mjs';
import { makeCertificates } from '../support/certificates.mjs';
import { next } from '../support/next.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { startRedis } from '../support/redis.mjs';
import { runScript } from '../support/script.mjs';

const require = createRequire(import.meta.url);
const testing = require('../../dist/testing.cjs');
const { createClient, defineStateMachine, isActonceError } = actonce;

const SECRETS = {
  password: 'hunter2-password',
  sentinel: 'hunter2-sentinel',
  secret: 'hunter2-secret-of-16-and-more',
  older: 'hunter2-older-secret-of-16-and-more',
  encryption: Buffer.from('hunter2-encryption-key-32-bytes!').toString('base64'),
  key: 'hunter2-idempotency-key',
  user: 'hunter2-user',
  payload: 'hunter2-payload',
  result: 'hunter2-result',
};
const URL_OF_SENTINELS =
  `redis+sentinel://app:${SECRETS.password}@127.0.0.1:1/orders?sentinel_username=w` +
  `&sentinel_password=${SECRETS.sentinel}`;

const spoken = (text, secrets = SECRETS) =>
  Object.entries(secrets).flatMap(([name, secret]) => (text.includes(secret) ? [name] : []));

/** The ways in which an object reaches a log. */
function* printed(value) {
  const everything = {
    depth: Infinity,
    showHidden: true,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: 200,
  };
  yield ['inspect', inspect(value)];
  yield ['inspect, everything', inspect(value, everything)];
  yield ['inspect, without our own way', inspect(value, { ...everything, customInspect: false })];
  // With `getters` inspect calls `LeaseLostError.value`, which is what whoever sets that option asks for.
  if (!(value instanceof Error)) yield ['inspect, with getters', inspect(value, { ...everything, getters: true })];
  yield ['format', format('%o %O %j %s', value, value, value, value)];
  yield ['String', `${typeof value === 'symbol' ? '' : value}`];
  try {
    yield ['JSON', JSON.stringify(value) ?? ''];
    yield ['JSON of a copy', JSON.stringify({ ...value })];
  } catch (error) {
    yield ['JSON', error.message];
  }
  if (value instanceof Error) yield ['stack', `${value.stack} ${value.message}`];
}

/** `value` and every object that its own properties lead to. */
function reachable(value, found = new Set()) {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  if (!isObject || found.has(value) || value === globalThis || value instanceof Buffer) return found;
  found.add(value);
  for (const name of Reflect.ownKeys(value)) {
    const { value: inner } = Reflect.getOwnPropertyDescriptor(value, name);
    reachable(inner, found);
  }
  return found;
}

function assertSilent(value, what, secrets = SECRETS) {
  for (const [how, text] of printed(value)) assert.deepEqual(spoken(text, secrets), [], `${what}, ${how}: ${text}`);
}

function clientWithSecrets(t, more) {
  const client = createClient({
    url: URL_OF_SENTINELS,
    secret: [SECRETS.secret, SECRETS.older],
    encryption: { keys: [{ id: 'k1', key: SECRETS.encryption }] },
    connectTimeoutMs: 50,
    totalTimeoutMs: 100,
    ...more,
  });
  t.after(() => client.close({ graceMs: 0 }));
  return client;
}

describe('an object of ours shows no secret', () => {
  it('a client', (t) => {
    const client = clientWithSecrets(t);
    assertSilent(client, 'the client');
    for (const part of reachable(client)) assertSilent(part, `${part?.constructor?.name} within the client`);
  });

  it('a client says what it is: where it connects to, under which prefix', (t) => {
    const client = clientWithSecrets(t, { prefix: 'shop' });
    const expected = { url: 'redis+sentinel://127.0.0.1:1/orders', prefix: 'shop' };
    assert.equal(inspect(client), `ActonceClient ${inspect(expected)}`);
    assert.deepEqual(JSON.parse(JSON.stringify(client)), expected);
    const plain = createClient({ url: 'memory:tests' });
    assert.deepEqual(JSON.parse(JSON.stringify(plain)), { url: 'memory:tests', prefix: 'actonce' });
  });

  it('a client with a certificate', (t) => {
    const { ca, clientTls } = makeCertificates();
    const client = clientWithSecrets(t, { url: 'rediss://127.0.0.1:1', tls: { ...clientTls, ca } });
    const [, lines] = /PRIVATE KEY-----\n([^-]+)\n/.exec(clientTls.key);
    for (const part of reachable(client)) assertSilent(part, 'the client', { key: lines.slice(0, 40) });
  });

  it('what hangs on a client: machines, actions, routes, and what they are given', async (t) => {
    const client = clientWithSecrets(t);
    const machine = defineStateMachine(paymentConfig, { client });
    const action = next.idempotentAction({ name: 'buy', client, scope: () => 'x' }, () => 1);
    const route = next.idempotentRoute({ name: 'buy', client, scope: () => 'x' }, () => new Response());
    for (const [what, value] of Object.entries({ machine, action, route })) {
      for (const part of reachable(value)) assertSilent(part, what);
    }
  });

  it('the context that fn gets, but for the key that it was given', async () => {
    const client = createClient({ url: 'memory:', secret: SECRETS.secret, prefix: 'printed' });
    const { key: _, ...others } = SECRETS;
    const options = { scope: ['buy', SECRETS.user], payload: SECRETS.payload };
    await client.withIdempotency(
      SECRETS.key,
      (ctx) => {
        for (const part of reachable(ctx)) assertSilent(part, 'ctx', others);
        return SECRETS.result;
      },
      options,
    );
    await client.close();
  });

  it('every export, and what this package keeps for the whole process', async (t) => {
    const text = `
      import { inspect } from 'node:util';
      const { withIdempotency, on, ...exports } = load();
      on(() => {});
      await withIdempotency('k', () => 1).catch(() => {});
      const kept = Object.getOwnPropertySymbols(globalThis).map((symbol) => globalThis[symbol]);
      const all = { withIdempotency, on, exports, kept };
      say(inspect(all, { depth: 12, showHidden: true }).replaceAll('\\n', ' '));
      say(inspect(all, { depth: 12, showHidden: true, customInspect: false }).replaceAll('\\n', ' '));
      await exports.close({ graceMs: 0 });
    `;
    const env = { REDIS_URL: `redis://u:${SECRETS.password}@127.0.0.1:1`, ACTONCE_SECRET: SECRETS.secret };
    const { said, errors } = await runScript(t, text, { env });
    assert.equal(said.length, 2, errors);
    assert.match(said[0], /actonce/);
    assert.deepEqual(spoken(said.join('\n') + errors), []);
    for (const [name, value] of Object.entries({ ...actonce, ...next, ...testing })) {
      for (const part of reachable(value)) assertSilent(part, name);
    }
  });

  it('a client of tests', async (t) => {
    const client = testing.createTestClient({ secret: SECRETS.secret });
    t.after(() => client.close({ graceMs: 0 }));
    for (const part of reachable(client)) assertSilent(part, 'the test client');
  });
});

describe('an argument that cannot be used is not quoted where it may be a secret', () => {
  const { password } = SECRETS;
  const urls = {
    'the scheme forgotten': `${password}@host:6379`,
    'the scheme forgotten, with a user': `app:${password}@host:6379`,
    'only the password': password,
    'a colon too early': `:${password}@host:6379`,
    'slashes forgotten': `redis:app:${password}@host`,
    'another scheme': `http://app:${password}@host`,
    'the scheme in the wrong place': `app:${password}@redis://host`,
    'no host': `redis://app:${password}@`,
    'a port that is none': `redis://app:${password}@host:port`,
    'a port that is too large': `redis+cluster://app:${password}@host:99999`,
    'a database that is none': `redis://app:${password}@host/orders`,
    'a slash in the password': `redis://app:1/${password}@host`,
    'a question mark in the password': `redis://app:1?${password}@host`,
    'a hash in the password': `redis://app:1#${password}@host`,
    'an at in the password': `redis://app:${password}@${password}@host:x`,
    'a slash in the password, for Sentinels': `redis+sentinel://app:1/${password}@host/orders`,
    'a question mark in the password, for Sentinels': `redis+sentinel://app:1?${password}@host/orders`,
    'a hash in the password, for a cluster': `redis+cluster://app:1#${password}@host`,
    'a parameter that is none': `redis+sentinel://host/orders?${password}=1`,
    'a password as a parameter': `redis+sentinel://host/orders?password=${password}&x=${password}`,
    'white space before it': `  redis://app:${password}@host`,
    'quotes around it': `"redis://app:${password}@host"`,
  };
  for (const [what, url] of Object.entries(urls)) {
    it(`url: ${what}`, async (t) => {
      let error;
      try {
        const client = createClient({ url, connectTimeoutMs: 50, totalTimeoutMs: 100 });
        t.after(() => client.close({ graceMs: 0 }));
        await client.withIdempotency('k', () => 1, { scope: 's' });
      } catch (caught) {
        error = caught;
      }
      assert.ok(isActonceError(error, 'ERR_INVALID_ARGUMENT'), String(error?.stack ?? error));
      assertSilent(error, what);
    });
  }

  const secret = SECRETS.secret;
  const misplaced = {
    prefix: `redis://app:${password}@host`,
    secret: [secret, 'short'],
    executor: `redis://app:${password}@host`,
    eviction: `redis://app:${password}@host`,
    connectTimeoutMs: secret,
    cache: secret,
    defaults: { leaseMs: secret },
    durability: { replicas: secret },
    tls: { key: secret, cert: secret },
    encryption: { keys: [{ id: secret.repeat(2), key: secret }] },
    compression: { minBytes: secret },
    codec: secret,
    errors: [secret],
    url: { password },
  };
  for (const [name, value] of Object.entries(misplaced)) {
    it(`option ${name}`, () => {
      const url = name === 'tls' ? 'rediss://host' : 'redis://host';
      try {
        createClient({ url, [name]: value });
        assert.fail('it was taken');
      } catch (error) {
        assert.ok(isActonceError(error, 'ERR_INVALID_ARGUMENT'), error.stack);
        assertSilent(error, name);
      }
    });
  }

  it('what a call is given: key, scope, payload, options', async (t) => {
    const client = createClient({ url: 'memory:' });
    t.after(() => client.close());
    const { key, user, payload } = SECRETS;
    const lone = '\ud800';
    const calls = [
      [key.repeat(20), {}],
      [key + lone, {}],
      [{ key }, {}],
      [key, { scope: [user, ''] }],
      [key, { scope: [user + lone] }],
      [key, { scope: { user } }],
      [key, { payload: { card: payload, of: Symbol(payload) } }],
      [key, { payload: { card: payload, of: () => payload } }],
      [key, { payload: { card: payload }, fingerprint: payload }],
      [key, { waitTimeoutMs: payload }],
      [key, { onDuplicate: `${payload} and more` }],
      [key, { signal: payload }],
      [key, { skip: payload }],
    ];
    for (const [given, options] of calls) {
      const error = await client.withIdempotency(given, () => 1, options).catch((caught) => caught);
      assert.ok(isActonceError(error, 'ERR_INVALID_ARGUMENT'), `${inspect(options)}: ${error}`);
      assertSilent(error, inspect(options));
    }
  });
});

describe('an error of ours shows no result', () => {
  it('one that carries what fn returned does not print it', () => {
    const error = new actonce.LeaseLostError('expired', { value: { card: SECRETS.result } });
    assert.deepEqual([error.hasValue, error.value], [true, { card: SECRETS.result }]);
    assertSilent(error, 'LeaseLostError');
  });

  it('nor does one whose value could not be kept, whatever its cause', async (t) => {
    const client = createClient({ url: 'memory:' });
    t.after(() => client.close());
    for (const value of [
      { card: SECRETS.result, pay: () => SECRETS.result },
      { card: SECRETS.result, of: Symbol(SECRETS.result) },
      new (class Card {
        number = SECRETS.result;
      })(),
      { list: [SECRETS.result, new WeakMap()] },
    ]) {
      const error = await client.withIdempotency(`k${Math.random()}`, () => value).catch((caught) => caught);
      assert.ok(isActonceError(error, 'ERR_RESULT_UNAVAILABLE'), String(error));
      assertSilent(error, 'ResultUnavailableError');
    }
  });
});

describe('an error of the store shows no secret', { timeout: 60_000 }, () => {
  const { password, encryption, result } = SECRETS;

  it('a login that the server refuses', async (t) => {
    const redis = await startRedis({ config: [`requirepass another-${password}`] });
    t.after(() => redis.stop());
    const client = createClient({ url: redis.urlFor({ user: 'app', password }) });
    t.after(() => client.close({ graceMs: 0 }));
    const error = await client.withIdempotency('k', () => 1, { scope: 's' }).catch((caught) => caught);
    assert.equal(error.code, 'ERR_STORE_REFUSED');
    assertSilent(error, 'a refused login');
  });

  it('a record that another key has encrypted, and one that was changed', async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const client = (id, key) => {
      const made = createClient({ url: redis.url, cache: false, encryption: { keys: [{ id, key }] } });
      t.after(() => made.close({ graceMs: 0 }));
      return made;
    };
    const call = (on) => on.withIdempotency('k', () => ({ card: result }), { scope: 's' }).catch((error) => error);
    await call(client('k1', encryption));
    const [name] = await redis.send('KEYS', '*');
    const others = [client('k2', Buffer.alloc(32, 7)), client('k1', Buffer.alloc(32, 7))];
    for (const on of others) {
      const error = await call(on);
      assert.equal(error.code, 'ERR_RECORD_UNREADABLE');
      assertSilent(error, 'an unreadable record');
    }
    await redis.send('SET', name, `2${result}`);
    const error = await call(client('k1', encryption));
    assert.equal(error.code, 'ERR_RECORD_UNREADABLE');
    assertSilent(error, 'a record of another version');
  });

  it('every code, with everything that an error may carry', () => {
    const text = fs.readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const codes = new Set(text.match(/^## (ERR_\w+)$/gm).map((line) => line.slice(3)));
    assert.ok(codes.size >= 23);
    for (const code of codes) {
      const error = new actonce.ActonceError(code, { detail: 'why', hash: 'Jt9Zq0b1y3R5k2n8x7u4Vw', retryAfterMs: 5 });
      const own = JSON.parse(JSON.stringify(error));
      assert.deepEqual(Object.keys(own).sort(), ['code', 'digest', 'hash', 'retryAfterMs', 'retryable'], code);
    }
  });
});
