// What is recorded is what comes back, or it is refused by name and place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import fc from 'fast-check';
import { bundle } from '../support/bundle.mjs';
import { KEPT, REFUSED } from '../support/kinds.mjs';
import { difference } from '../support/same-graph.mjs';
import '../support/unhandled.mjs';

const { defaultCodec, UnencodableError } = await bundle('lib/outcome/codec/index.ts');

/** The way of a payload: encoded, through UTF-8 as Rust and Redis keep it, decoded. */
async function trip(value) {
  const text = await defaultCodec.encode(value);
  const bytes = Buffer.from(text, 'utf8');
  assert.equal(bytes.toString('utf8'), text, 'the text must survive UTF-8');
  return defaultCodec.decode(bytes.toString('utf8'));
}

async function assertKept(value) {
  assert.equal(difference(await trip(value), value), undefined);
}

function assertRefused(value, kind, path = '') {
  assert.throws(
    () => defaultCodec.encode(value),
    (error) => {
      assert.ok(error instanceof UnencodableError, String(error));
      assert.match(error.kind, kind);
      assert.match(error.message, kind);
      assert.equal(error.path, path);
      return true;
    },
  );
}

for (const [row, value] of Object.entries(KEPT)) {
  test(`F5 (RF4): ${row} comes back as it was`, async () => {
    await assertKept(value);
    await assertKept({ order: { items: [value] } });
  });
}

for (const [row, [value, kind]] of Object.entries(REFUSED)) {
  test(`F5, E5: ${row} is refused by name and place`, () => {
    assertRefused(value, kind);
    assertRefused({ order: { items: [0, 0, { render: value }] } }, kind, 'order.items[2].render');
    assertRefused(new Map([['k', { at: [value] }]]), kind, 'get("k").at[0]');
    assertRefused({ failure: Object.assign(new Error('x'), { config: value }) }, kind, 'failure.config');
    assertRefused({ failure: new Error('x', { cause: { value } }) }, kind, 'failure.cause.value');
  });
}

test('F5: shared_buffer_views come back sharing one buffer, of which only what they show was written', async () => {
  const memory = new ArrayBuffer(64);
  new Uint8Array(memory).set(Buffer.from('secret'), 40);
  const value = [new Uint8Array(memory, 3, 5), new Float64Array(memory, 8, 2), new DataView(memory, 4, 4)];
  const back = defaultCodec.decode(defaultCodec.encode(value));
  assert.equal(back[0].buffer.byteLength, 24);
  assert.equal(new Set(back.map((view) => view.buffer)).size, 1);
  assert.deepEqual(back, value);
  back[0][1] = 77;
  assert.equal(back[2].getUint8(0), 77);
  await assertKept([memory, new Uint8Array(memory, 8, 8)]);
});

test("F5: a Buffer or a view of one never carries what else is in Node's pool", () => {
  const neighbour = Buffer.from('the password of somebody else');
  const own = Buffer.from('mine');
  assert.equal(neighbour.buffer, own.buffer, 'both are cut from the pool');
  for (const value of [own, new Uint8Array(own.buffer, own.byteOffset, own.byteLength)]) {
    const text = defaultCodec.encode({ value });
    assert.ok(text.length < 80, text);
    assert.deepEqual(Buffer.from(defaultCodec.decode(text).value), own);
  }
});

test('F5: a Buffer alone is its base64, and comes back in memory of its own', () => {
  for (const length of [0, 1, 2, 3, 4_000]) {
    const value = Buffer.from({ length }, (_, at) => (at * 7) & 255);
    const text = defaultCodec.encode(value);
    assert.equal(text, `B${value.toString('base64')}`);
    const back = defaultCodec.decode(text);
    assert.ok(Buffer.isBuffer(back) && back.equals(value));
    assert.equal(back.buffer.byteLength, length);
  }
});

test('F5: a long text alone is stored as it is, and half a character in it as JSON', () => {
  const long = 'é"\\\n\u2028語😀'.repeat(4_000);
  assert.equal(defaultCodec.encode(long), `T${long}`);
  for (const text of [long, `${long}\ud83d`, `${long}\0`, 'short']) {
    assert.ok(defaultCodec.decode(defaultCodec.encode(text)) === text);
  }
  assert.equal(defaultCodec.encode(`${long}\ud83d`)[0], '"');
});

test('F5: formdata keeps its order, formdata_file, blob and file keep bytes, name, type and date', async () => {
  const form = new FormData();
  form.append('item', 'book');
  form.append('photo', new File(['x\0y'], 'ß.png', { type: 'image/png', lastModified: 1_000 }));
  form.append('item', 'pen');
  const blob = new Blob([new Uint8Array([0, 255])], { type: 'a/b' });
  const back = await trip({ form, again: form, files: new Map([['blob', blob]]), file: form.get('photo') });
  assert.equal(back.form, back.again);
  assert.deepEqual([...back.form.keys()], ['item', 'photo', 'item']);
  assert.deepEqual(back.form.getAll('item'), ['book', 'pen']);
  for (const photo of [back.form.get('photo'), back.file]) {
    assert.ok(photo instanceof File);
    assert.deepEqual([photo.name, photo.type, photo.lastModified], ['ß.png', 'image/png', 1_000]);
    assert.equal(await photo.text(), 'x\0y');
  }
  const bytes = back.files.get('blob');
  assert.equal(Object.getPrototypeOf(bytes), Blob.prototype);
  assert.deepEqual([bytes.type, ...new Uint8Array(await bytes.arrayBuffer())], ['a/b', 0, 255]);
});

test('F5: encode answers a promise only for a Blob, and has read everything else by then', async () => {
  const strings = new FormData();
  strings.append('a', '1');
  assert.equal(typeof defaultCodec.encode({ strings, at: new Date(0) }), 'string');
  const order = { state: 'paid', blob: new Blob(['x']) };
  const promise = defaultCodec.encode(order);
  assert.ok(promise instanceof Promise);
  order.state = 'changed later';
  assert.equal(defaultCodec.decode(await promise).state, 'paid');
  assertRefused({ blob: new Blob(['x']), later: Promise.resolve(1) }, /a promise/, 'later');
});

test('F5: a Blob whose bytes cannot be had is refused, not written empty', async () => {
  const blob = Object.defineProperty(new Blob(['x']), 'arrayBuffer', {
    value: () => Promise.reject(new Error('gone')),
  });
  await assert.rejects(defaultCodec.encode({ blob }), (error) => {
    assert.ok(error instanceof UnencodableError);
    return error.cause.message === 'gone';
  });
});

test("F5: nothing of a function is touched: React's temporary references throw at every access", () => {
  const touch = (_target, name) => assert.fail(`touched ${String(name)}`);
  const traps = ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor', 'apply', 'isExtensible'];
  const reference = new Proxy(() => {}, Object.fromEntries(traps.map((trap) => [trap, touch])));
  assertRefused({ child: reference }, /a function \(one of React's references/, 'child');
  assertRefused(new Set([reference]), /a function/);
});

test('F5: what has toJSON would come back as another value: it is refused, and toJSON is not called', () => {
  class Decimal {
    toJSON() {
      assert.fail('it was called');
    }
  }
  const hidden = Object.defineProperty({}, 'toJSON', { value: () => 'other' });
  assertRefused(
    { lines: [{ total: new Decimal() }] },
    /an instance of class Decimal: return what its toJSON/,
    'lines[0].total',
  );
  for (const a of [{ toJSON: () => 1 }, hidden, Object.assign(Object.create(null), { toJSON: () => 1 })]) {
    assertRefused({ a }, /an object with toJSON/, 'a');
  }
});

test('F5: a Date under fake timers, which put a subclass in its place, comes back as that Date', async (t) => {
  const { Date: RealDate } = globalThis;
  class FakeDate extends RealDate {}
  t.after(() => {
    globalThis.Date = RealDate;
  });
  globalThis.Date = FakeDate;
  const back = await trip({ at: new Date(5) });
  assert.deepEqual(back, { at: new FakeDate(5) });
  assert.ok(back.at instanceof FakeDate);
  globalThis.Date = RealDate;
  assertRefused({ at: new FakeDate(5) }, /an instance of class FakeDate/, 'at');
});

test('F5: the kinds that are kept may have toJSON: a Date, a URL, a Buffer', async () => {
  await assertKept({ at: new Date(0), url: new URL('https://a/b'), bytes: Buffer.from('a') });
});

test('F5: what throws when it is read is refused at its place, with the reason', () => {
  const order = {
    get total() {
      throw new Error('not loaded');
    },
  };
  assert.throws(
    () => defaultCodec.encode({ order }),
    (error) => error.path === 'order.total' && error.cause.message === 'not loaded',
  );
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assertRefused({ proxy }, /threw/, 'proxy');
});

test('F5: a long path is named without its middle', () => {
  const key = 'k'.repeat(10_000);
  assert.throws(
    () => defaultCodec.encode({ order: { [key]: { render() {} } } }),
    (error) => error.path.length < 250 && error.path.startsWith('order.kkk') && error.path.endsWith('k.render'),
  );
});

test('F5: values of another realm come back as values of this one', async () => {
  const foreign = vm.runInNewContext('({ list: [1, new Map([[1, new Date(5)]])], bytes: new Uint8Array([7]) })');
  assert.equal(
    difference(await trip(foreign), { list: [1, new Map([[1, new Date(5)]])], bytes: new Uint8Array([7]) }),
    undefined,
  );
});

test('F5: an error in a value keeps cycles through itself, own fields, and never its stack', async () => {
  const error = Object.assign(new AggregateError([new Error('a'), 'b'], 'all failed'), {
    7: 'seven',
    '#x': 1,
    '##y': 2,
  });
  error.self = error;
  error.errors.push(error);
  error.cause = { error };
  await assertKept({ error, twice: error });
  const text = defaultCodec.encode({ error });
  assert.ok(!text.includes('codec.test') && !text.includes(' at '), text);
  assert.equal(defaultCodec.decode(text).error.stack, 'AggregateError: all failed');
});

function Query() {}
Query.prototype = Object.create(null);

test('F5: an object whose prototype is empty, as parsers of query strings make them, has none afterwards', async () => {
  const expected = Object.assign(Object.create(null), { page: '1' });
  assert.equal(difference(await trip(Object.assign(new Query(), { page: '1' })), expected), undefined);
  Query.prototype.method = () => {};
  assertRefused(new Query(), /not a plain object/);
});

test('A5: every falsy and empty value comes back as the same value', async () => {
  for (const value of [undefined, null, 0, '', false, Number.NaN, -0, [], {}, 0n]) {
    assert.equal(difference(await trip(value), value), undefined);
  }
});

test('JSON is used exactly when it carries the value, and devalue otherwise', () => {
  const format = (value) => (defaultCodec.encode(value)[0] === 'D' ? 'devalue' : 'JSON');
  for (const value of [null, true, 'a', 1.5, [], {}, [{ a: [null, ''] }], { toString: 1 }, [[], []]]) {
    assert.equal(format(value), 'JSON', JSON.stringify(value));
  }
  const empty = {};
  for (const value of [undefined, -0, [undefined], { a: undefined }, [empty, empty], KEPT.sparse, new Date(0)]) {
    assert.equal(format(value), 'devalue', String(value));
  }
  assert.equal(format(Array.from({ length: 40 }, () => ({}))), 'JSON');
  assert.equal(format([...Array.from({ length: 40 }, () => ({})), empty, empty]), 'devalue');
});

/** `npm run test:long` looks further. */
const runs = (count) => count * (process.env.ACTONCE_LONG === '1' ? 50 : 1);

const plainGraph = fc
  .tuple(
    fc.anything({
      maxDepth: 4,
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
      withObjectString: true,
    }),
    fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 4 }),
  )
  .map(([value, links]) => linked(value, links))
  .filter((value) => !containersOf(value).some((container) => Object.hasOwn(container, '__proto__')));

/** Adds references between the containers of a value, so that it shares and cycles. */
function linked(value, links) {
  const containers = containersOf(value);
  for (const [from, to] of links) {
    if (containers.length === 0) break;
    const target = containers[from % containers.length];
    const other = containers[to % containers.length];
    if (target instanceof Map) target.set(other, other);
    else if (target instanceof Set) target.add(other);
    else if (Array.isArray(target)) target.push(other);
    else target[`link${to}`] = other;
  }
  return value;
}

function containersOf(value, found = new Set()) {
  if (typeof value !== 'object' || value === null || found.has(value)) return [...found];
  if (ArrayBuffer.isView(value) || value instanceof Date) return [...found];
  found.add(value);
  const parts = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  for (const part of parts) containersOf(part, found);
  return [...found];
}

test('any plain graph comes back equal, with the same objects in the same places', async () => {
  const property = fc.asyncProperty(plainGraph, async (value) => {
    assert.equal(difference(await trip(value), value), undefined);
  });
  await fc.assert(property, { numRuns: runs(600) });
});

test('any value at all is kept or refused, never changed', async () => {
  const awkward = fc.oneof(
    plainGraph,
    fc.constantFrom(...Object.values(REFUSED).map(([value]) => value)),
    fc.constantFrom(...Object.values(KEPT)),
  );
  const property = fc.asyncProperty(fc.array(awkward, { maxLength: 3 }), async (value) => {
    let back;
    try {
      back = await trip(value);
    } catch (error) {
      assert.ok(error instanceof UnencodableError, String(error));
      return;
    }
    assert.equal(difference(back, value), undefined);
  });
  await fc.assert(property, { numRuns: runs(200) });
});
