// Scenarios J4, C20: what is at our key and was not written by this version, planted by hand.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { heldRun } from '../support/held-run.mjs';

const { onEachSharedStore } = conformance(createClient, { looksAtOneServer: true });
const HOUR_MS = '3600000';
const fence = '1795472606650000';
const owner = 'abcdefghijklmno_';
const noPayload = '-'.repeat(22);
const header = (state, flags = 0) => `1${state}${fence}${owner}${noPayload}${flags}`;

/** Plants something at the key `k` of the world's prefix; gives its name, and what is there now. */
async function plant({ client, redis, options }, ...command) {
  const namer = client({ cache: false });
  await namer.withIdempotency('k', () => 'for its name');
  const { hash } = await namer.inspect({ key: 'k' });
  const name = `${options.prefix}:{${hash}}`;
  await redis.send('DEL', name);
  await redis.send(...command.map((part) => (part === 'KEY' ? name : part)));
  const look = async () => [await redis.send('DUMP', name), Math.sign(await redis.send('PTTL', name))];
  return { hash, name, look };
}

const foreignTypes = {
  list: ['RPUSH', 'KEY', 'PROCESSING'],
  hash: ['HSET', 'KEY', 'status', 'COMPLETED'],
  set: ['SADD', 'KEY', 'x'],
  'sorted set': ['ZADD', 'KEY', '1', 'x'],
  stream: ['XADD', 'KEY', '*', 'x', '1'],
};

const foreignTexts = {
  'of the next version': `2C${header('C').slice(2)}1 J1`,
  'of a much later version': `a,${header('C')}`,
  'of a layout before the first': `0P${header('P').slice(2)}1 30000 3600000`,
  'that a hand-written lock left': 'PROCESSING',
  'of another library': '{"status":"COMPLETED","response":"{}"}',
  'that is empty': '',
  'that is cut off in its header': header('C').slice(0, 40),
  'that is cut off before its body': `${header('C')}1`,
  'in a state that does not exist': `${header('X')}1 J1`,
  'with a fence that is no number': header('C').replace(fence, 'f'.repeat(16)).concat('1 J1'),
  'with flags that do not exist': `${header('C', 9)}1 J1`,
  'of attempt zero': `${header('C')}0 J1`,
  'whose lease is no number': `${header('P')}1 soon 3600000`,
};

const plants = Object.entries({
  ...Object.fromEntries(Object.entries(foreignTypes).map(([type, command]) => [`a ${type}`, command])),
  ...Object.fromEntries(
    Object.entries(foreignTexts).map(([what, text]) => [`a record ${what}`, ['SET', 'KEY', text, 'PX', HOUR_MS]]),
  ),
  'a processing record without expiry': ['SET', 'KEY', `${header('P')}1 30000 3600000`],
});

for (const [what, command] of plants) {
  onEachSharedStore(`J4, C20 ${what} is refused by name, fn does not run, and nothing is changed`, async (world) => {
    const { client, effect, ledger } = world;
    const { hash, look } = await plant(world, ...command);
    const before = await look();
    const actonce = client();
    const told = [];
    actonce.on(({ type, code }) => told.push([type, code]));
    const unreadable = (error) => {
      assert.deepEqual([error.code, error.retryable, error.hash], ['ERR_RECORD_UNREADABLE', false, hash]);
      assert.equal(error.name, 'ActonceError');
      return true;
    };
    await assert.rejects(actonce.withIdempotency('k', effect('k')), unreadable);
    assert.deepEqual(told, [['store-error', 'ERR_RECORD_UNREADABLE']]);
    await assert.rejects(actonce.withIdempotency('k', effect('k'), { onStoreUnavailable: 'run' }), unreadable);
    await assert.rejects(actonce.inspect({ key: 'k' }), unreadable);
    await assert.rejects(actonce.inspect({ hash }), unreadable);
    for (const force of [false, true]) {
      await assert.rejects(actonce.reset({ key: 'k' }, { force }), unreadable);
      await assert.rejects(actonce.resolve({ key: 'k' }, { value: 1, force }), unreadable);
    }
    assert.equal(ledger.count('k'), 0);
    assert.deepEqual(await look(), before);
  });
}

const unreadablePayloads = {
  'in a format of the future': 'Z{"a":1}',
  'by a codec that this client was not given': 'Xabc',
  'that is no JSON': '{"a":',
  'that is no error': 'Enonsense',
  'for an unknown reason': 'Ubored ',
  'that is missing': '',
};
for (const [what, payload] of Object.entries(unreadablePayloads)) {
  onEachSharedStore(`J4 an outcome ${what} is refused by name and not run again`, async (world) => {
    const { client, effect, ledger } = world;
    const { hash, look } = await plant(world, 'SET', 'KEY', `${header('C')}1 ${payload}`, 'PX', HOUR_MS);
    const before = await look();
    const actonce = client();
    for (let call = 0; call < 2; call += 1) {
      await assert.rejects(actonce.withIdempotency('k', effect('k')), { code: 'ERR_RECORD_UNREADABLE', hash });
    }
    await assert.rejects(actonce.inspect({ key: 'k' }), { code: 'ERR_RECORD_UNREADABLE', hash });
    assert.deepEqual([ledger.count('k'), await look()], [0, before]);
  });
}

/** Records as version 1 wrote them: whatever comes later has to read them, and to go on from them. */
const manyKinds =
  '[{"a":-1,"at":1,"big":2,"map":3},["Date","1970-01-01T00:00:00.000Z"],["BigInt","10"],["Map",4,5],1,["Set",6],"x"]';
const error =
  '[["Error",1],{"#class":2,"#message":4,"code":5,"#cause":6},[3],"RangeError","declined","card_declined",["Error",7],' +
  '{"#class":8,"#message":10},[9],"TypeError","x"]';
const declined = Object.assign(new RangeError('declined', { cause: new TypeError('x') }), { code: 'card_declined' });
const replayed = (attempt, outcome) => ({ status: 'replayed', attempt, ...outcome });
const value = (of) => ({ kind: 'value', value: of });
const versionOne = [
  [`${header('C')}1 {"id":"o-1"}`, replayed(1, value({ id: 'o-1' }))],
  [
    `${header('C')}1 D${manyKinds}`,
    replayed(1, value({ a: undefined, at: new Date(0), big: 10n, map: new Map([[1, new Set(['x'])]]) })),
  ],
  [`${header('C')}12 D-1`, replayed(12, value(undefined))],
  [
    `${header('C')}2 N{"kind":"redirect","url":"/done","type":"push","status":308}`,
    replayed(2, { kind: 'redirect', url: '/done', type: 'push', httpStatus: 308 }),
  ],
  [`${header('C')}1 N{"kind":"http","status":404}`, replayed(1, { kind: 'http', httpStatus: 404 })],
  [`${header('F')}1 E${error}`, replayed(1, { kind: 'error', error: declined, recorded: true })],
  [`${header('C')}1 Utoo-large `, 'ERR_RESULT_UNAVAILABLE'],
  [`${header('C')}1 Uunencodable b`, 'ERR_RESULT_UNAVAILABLE'],
  [`${header('I', 4)}1 30000 3600000 1795472606000`, 'ERR_INDETERMINATE'],
  [`${header('P')}1 30000 3600000`, 'ERR_IN_PROGRESS'],
  [`${header('R', 2)}4 `, { status: 'executed', attempt: 5, ...value('ran') }],
  [`${header('R')}4 E${error}`, { status: 'executed', attempt: 5, ...value('ran') }],
];
for (const [text, expected] of versionOne) {
  onEachSharedStore(`J4 a record of version 1 stays readable: ${text[1]} ${text.slice(57, 90)}`, async (world) => {
    await plant(world, 'SET', 'KEY', text, 'PX', HOUR_MS);
    const { withIdempotency } = world.client();
    const answer = await withIdempotency.outcome('k', () => 'ran', { onDuplicate: 'reject' }).catch(({ code }) => code);
    assert.deepEqual(answer, expected);
  });
}

onEachSharedStore(
  'C20 a value that is planted while fn runs is not overwritten, and the caller has its own',
  async (world) => {
    const { client, redis, options } = world;
    const actonce = client();
    const told = [];
    actonce.on(({ type, reason, code }) => told.push([type, reason ?? code].filter(Boolean).join(' ')));
    const run = heldRun();
    const call = actonce.withIdempotency('k', run.fn);
    await run.started;
    const [name] = await redis.send('KEYS', `${options.prefix}:*`);
    await redis.send('DEL', name);
    await redis.send('RPUSH', name, 'foreign');
    run.returns('paid');
    assert.equal(await call, 'paid');
    assert.deepEqual(await redis.send('LRANGE', name, '0', '-1'), ['foreign']);
    assert.deepEqual(told, ['claimed', 'store-error ERR_RECORD_UNREADABLE', 'result-unrecorded store-error']);
  },
);

onEachSharedStore('J4 a record that somebody made permanent is replayed and shown', async (world) => {
  const secret = 'an old secret of 2024';
  const plants = [
    [{}, {}],
    [{ secret }, { secret: ['a new secret of 2026', secret] }],
  ];
  for (const [before, after] of plants) {
    const { name } = await plant({ ...world, client: () => world.client({ ...before, cache: false }) }, 'PING');
    await world.redis.send('SET', name, `${header('C')}1 "paid"`);
    const actonce = world.client(after);
    assert.equal(await actonce.withIdempotency('k', world.effect('k')), 'paid');
    const { state, outcome, expiresInMs } = await actonce.inspect({ key: 'k' });
    assert.deepEqual([state, outcome.value, expiresInMs], ['completed', 'paid', Number.MAX_SAFE_INTEGER]);
    assert.equal(await world.redis.send('PTTL', name), -1);
  }
});
