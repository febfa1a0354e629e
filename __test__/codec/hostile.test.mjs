// What Redis holds may have been planted or damaged: every text gives a value or MalformedPayloadError, at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bundle } from '../support/bundle.mjs';
import { KEPT } from '../support/kinds.mjs';
import { difference } from '../support/same-graph.mjs';
import '../support/unhandled.mjs';

const { decodeError, defaultCodec, MalformedPayloadError, UnencodableError } =
  await bundle('lib/outcome/codec/index.ts');
const { Results } = await bundle('lib/outcome/results.ts');

const nested = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const chain = (length) => JSON.stringify([...Array.from({ length: length - 1 }, (_, at) => [at + 1]), []]);
const pairs = (count) => Array.from({ length: count }, () => 2);

const HOSTILE = {
  'nothing at all': '',
  'an unknown format': 'X{}',
  'no JSON': '{"a":',
  'a key __proto__': '{"a":{"__proto__":{"admin":true}}}',
  'an escaped key __proto__': '{"\\u005f\\u005fproto__":{"admin":true}}',
  'a key __proto__ in the graph': 'D[{"__proto__":1},{"admin":2},true]',
  'a key __proto__ without a prototype': 'D[["null","__proto__",1],{}]',
  'depth 10,000': `${nested(10_000)}`,
  'depth 10,000 of objects': `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
  'depth 4,000,000': `${nested(4_000_000)}`,
  'half of depth 8,000,000': `${'['.repeat(8_000_000)}`,
  'a graph of depth 10,000': `D${chain(10_000)}`,
  'a graph of depth 10,000 through errors': `D${JSON.stringify(Array.from({ length: 10_000 }, (_, at) => ['Error', at + 1]))}`,
  'three million objects': `[${'{},'.repeat(2_700_000)}{}]`,
  'three million references': `D[[${'1,'.repeat(3_000_000)}1],0]`,
  '100 MB of text': `T${'x'.repeat(100_000_000)}`,
  '100 MB': `"${'x'.repeat(100_000_000)}"`,
  'a length of 4,294,967,295': 'D[[-7,4294967295]]',
  'a length of a hundred million': 'D[[-7,100000000,0,1],1]',
  'an index beyond the length': 'D[[-7,5,7,1],1]',
  'half a sparse entry': 'D[[-7,5,1]]',
  'a negative length': 'D[[-7,-1]]',
  'a dangling reference': 'D[[5]]',
  'a fractional reference': 'D[[0.5]]',
  'a reference that cannot be made text': 'D[[{"toString":""}]]',
  'a constant that is none': 'D[[-99]]',
  'a hole in an object': 'D[{"a":-2}]',
  'an error of itself': 'D[["Error",0]]',
  'an error with a field __proto__': 'D[["Error",1],{"#class":2,"#__proto__":4},[3],"Error",{"admin":5},true]',
  'an error with a field __proto__ among its causes':
    'D[["Error",1],{"#class":2,"#cause":4},[3],"Error",["Error",5],{"#class":2,"#__proto__":6},{}]',
  'a ring of tags': 'D[["Buffer",1],["Blob",2],["Error",0]]',
  'a File of itself': 'D[["File",1],{"name":2,"type":2,"lastModified":3,"bytes":0},"",1]',
  'wrong base64': 'D[["Uint8Array",1],["ArrayBuffer","****"]]',
  'half of base64': 'D[["ArrayBuffer","QUJ"]]',
  'a Buffer that is not base64': 'B****',
  'half of a Buffer': 'BQUJ',
  'a Buffer with spaces': 'BQUJD    ',
  'a Buffer with an end in the middle': 'BQU==QUJD',
  'a view beyond its buffer': 'D[["Uint8Array",1,0,1000000000],["ArrayBuffer","QUJD"]]',
  'a view of a number': 'D[["Uint8Array",1],1000000000]',
  'a view of its own': 'D[["Uint8Array",0]]',
  'an unknown tag': 'D[["Function","return process"]]',
  'a tag every object has': 'D[["constructor",1],2]',
  'a tag hasOwnProperty': 'D[["hasOwnProperty",1],2]',
  'an instance of a class that nobody has registered': 'D[["$Decimal",1],{"#encoded":2},"1"]',
  'half an instance of a class': 'D[["$Decimal"]]',
  'a boxed value': 'D[["Object",1],5]',
  'a million digits': `D[["BigInt","${'9'.repeat(1_000_000)}"]]`,
  'a bigint in words': 'D[["BigInt","ten"]]',
  'a date in words': 'D[["Date","yesterday"]]',
  'a date of an object': 'D[["Date",{"a":1}]]',
  'an impossible RegExp': 'D[["RegExp","("]]',
  'an impossible URL': 'D[["URL","/relative"]]',
  'half a Map': 'D[["Map",1],2]',
  'an error without a class': 'D[["Error",1],{"#message":2},"x"]',
  'a symbol of a number': 'D[["Symbol",1],[2],5]',
  'a Buffer of text': 'D[["Buffer",1],"abc"]',
  'a form of numbers': 'D[["FormData",1],[2],[3,3],5]',
  'a header with a line break': 'D[["Headers",1],[2],[3,4],"a","b\\r\\nc: d"]',
  'a form that grows': `D${JSON.stringify([['FormData', 1], pairs(100_000), [3, 3], 'x'.repeat(100_000)])}`,
  'headers that grow': `D${JSON.stringify([['Headers', 1], pairs(100_000), [3, 4], 'x', 'x'.repeat(100_000)])}`,
  'Blobs that grow': `D${JSON.stringify([
    Array.from({ length: 30_000 }, (_, at) => 4 + 2 * at),
    'x',
    ['ArrayBuffer', 'A'.repeat(400_000)],
    null,
    ...Array.from({ length: 30_000 }, (_, at) => [['Blob', 5 + 2 * at], { type: 1, bytes: 2 }]).flat(),
  ])}`,
};

for (const [what, text] of Object.entries(HOSTILE)) {
  test(`RH7: ${what} is refused at once, and costs nothing`, () => {
    text.charCodeAt(0); // A string that was put together is made flat first.
    Buffer.byteLength(text);
    const rss = process.memoryUsage.rss();
    const tookMs = [1, 2, 3].map(() => {
      const start = process.cpuUsage();
      assert.throws(() => defaultCodec.decode(text), MalformedPayloadError);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1_000;
    });
    const grown = process.memoryUsage.rss() - rss;
    // The least: the collector of what came before counts as well.
    assert.ok(Math.min(...tookMs) < 100, `it took ${tookMs} ms`);
    assert.ok(grown < 50 * 1024 * 1024, `it took ${grown} bytes`);
    assert.equal({}.admin, undefined);
  });
}

function assertTooMuch(value, kind) {
  assert.throws(
    () => defaultCodec.encode(value),
    (error) => error instanceof UnencodableError && kind.test(error.kind),
  );
}

test('RH7: the same limits hold for writing, so that nothing is written that cannot be read', () => {
  const deep = (depth, leaf) => Array.from({ length: depth - 1 }).reduce((inner) => [inner], [leaf]);
  for (const leaf of [1, -0]) {
    assert.equal(difference(defaultCodec.decode(defaultCodec.encode(deep(500, leaf))), deep(500, leaf)), undefined);
    assertTooMuch(deep(501, leaf), /beyond a limit: it is nested deeper than 500/);
    assertTooMuch(deep(100_000, leaf), /nested too deeply/);
  }
  assertTooMuch('x'.repeat(9_000_000), /beyond a limit: it has \d+ characters/);
  assertTooMuch([1n, 'x'.repeat(9_000_000)], /beyond a limit/);
  assertTooMuch(10n ** 20_000n, /beyond a limit/);
  assertTooMuch(
    Array.from({ length: 250_000 }, () => []),
    /beyond a limit/,
  );
  assertTooMuch(Object.assign(Array.from({ length: 1_000_001 }).fill(0), { 0: -0 }), /an array longer/);
  const form = new FormData();
  for (const name of ['a', 'b']) form.append(name, 'x'.repeat(5_000_000));
  assertTooMuch(form, /FormData/);
});

test('RH7: brackets inside a string are no objects', () => {
  const template = '"{[\\",'.repeat(300_000);
  for (const value of [template, [template, 1n]])
    assert.deepEqual(defaultCodec.decode(defaultCodec.encode(value)), value);
});

/** `npm run test:long` looks further. */
const runs = (count) => count * (process.env.ACTONCE_LONG === '1' ? 50 : 1);

function assertValueOrMalformed(text) {
  const prototype = Reflect.ownKeys(Object.prototype).length;
  try {
    defaultCodec.decode(text);
  } catch (error) {
    assert.ok(error instanceof MalformedPayloadError, `${error?.stack}\nfor ${text.slice(0, 500)}`);
  }
  assert.equal(Reflect.ownKeys(Object.prototype).length, prototype);
  assert.equal({}.admin, undefined);
}

const payloads = await Promise.all(
  [...Object.values(KEPT), new Blob(['abc']), new File(['d'], 'e')].map((value) => defaultCodec.encode([value, value])),
);

test('any text gives a value or MalformedPayloadError', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(fc.constantFrom('', 'B', 'D', 'Q', 'T'), fc.string()).map((parts) => parts.join('')),
    fc.tuple(fc.constantFrom('', 'B', 'D', 'Q', 'T'), fc.json()).map((parts) => parts.join('')),
  );
  fc.assert(fc.property(text, assertValueOrMalformed), { numRuns: runs(1_000) });
});

test('a payload with changed characters gives a value or MalformedPayloadError', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.constantFrom(...'[]{}",:-012789aE\\')), {
    minLength: 1,
    maxLength: 4,
  });
  const property = fc.property(fc.constantFrom(...payloads), changes, (payload, edits) => {
    let text = payload;
    for (const [at, removed, added] of edits) {
      const from = 1 + (at % text.length);
      text = text.slice(0, from) + added + text.slice(from + removed);
    }
    assertValueOrMalformed(text);
  });
  fc.assert(property, { numRuns: runs(3_000) });
});

test('a payload with changed references and tags gives a value or MalformedPayloadError', () => {
  const tags = [
    'Error',
    'Buffer',
    'FormData',
    'Headers',
    'File',
    'Blob',
    'Symbol',
    'Map',
    'Set',
    'null',
    'Uint8Array',
    '$Decimal',
  ];
  const part = fc.oneof(
    fc.integer({ min: -9, max: 12 }),
    fc.constantFrom(...tags, '__proto__', 'x'),
    fc.json().map(JSON.parse),
  );
  const property = fc.property(
    fc.constantFrom(...payloads.filter((payload) => payload[0] === 'D')),
    fc.nat(),
    fc.nat(),
    part,
    (payload, entryAt, partAt, change) => {
      const entries = JSON.parse(payload.slice(1));
      if (!Array.isArray(entries)) return;
      const entry = entries[entryAt % entries.length];
      if (typeof entry === 'object' && entry !== null && Object.keys(entry).length > 0) {
        entry[Object.keys(entry)[partAt % Object.keys(entry).length]] = change;
      } else entries[entryAt % entries.length] = change;
      assertValueOrMalformed(`D${JSON.stringify(entries)}`);
    },
  );
  fc.assert(property, { numRuns: runs(3_000) });
});

/** Names that mean something to an object, to an error as it is written, or to whoever copies one. */
const NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'toJSON', 'then', 'hasOwnProperty', 'length'],
  ...['name', 'message', 'stack', 'cause', 'errors', 'code', 'digest', 'class', 'x', ''],
];
const fieldName = fc
  .tuple(fc.nat({ max: 3 }), fc.oneof(fc.constantFrom(...NAMES), fc.string()))
  .map(([hashes, name]) => '#'.repeat(hashes) + name);

/** Every object that can be reached by its own fields. */
function* objectsIn(value, met = new Set()) {
  if (typeof value !== 'object' || value === null || met.has(value)) return;
  met.add(value);
  yield value;
  const inner = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : [];
  for (const key of Reflect.ownKeys(value)) inner.push(Object.getOwnPropertyDescriptor(value, key).value);
  for (const part of inner) yield* objectsIn(part, met);
}

test('RH7: whatever the names of its fields, no object that is read changes the prototype of its copy', () => {
  const planted = fc.record({
    tag: fc.constantFrom('Error', 'null', 'Map', 'plain'),
    names: fc.array(fieldName, { maxLength: 5 }),
    classes: fc.array(fc.oneof(fc.constantFrom('Error', 'TypeError', 'DOMException', 'AggregateError'), fieldName)),
    twice: fc.boolean(),
  });
  const property = fc.property(planted, ({ tag, names, classes, twice }) => {
    const entries = [null, {}, 'text', { admin: 1 }];
    const fields = JSON.parse(`{${names.map((name, at) => `${JSON.stringify(name)}:${1 + (at % 3)}`).join(',')}}`);
    if (tag === 'plain') entries[0] = fields;
    else if (tag === 'Error') {
      const list = entries.push(classes.map((name) => entries.push(name) - 1)) - 1;
      Object.defineProperty(fields, '#class', { value: list, enumerable: true });
      entries[0] = ['Error', entries.push(fields) - 1];
      if (twice) entries.unshift([1, 1]);
    } else if (tag === 'null') entries[0] = ['null', ...Object.keys(fields).flatMap((name) => [name, 1])];
    else entries[0] = ['Map', ...Object.keys(fields).flatMap((name) => [entries.push(name) - 1, 1])];
    const text = JSON.stringify(entries);
    for (const read of [() => defaultCodec.decode(`D${text}`), () => decodeError(`E${text}`, [])]) {
      let value;
      try {
        value = read();
      } catch (error) {
        assert.ok(error instanceof MalformedPayloadError, `${error?.stack}\nfor ${text}`);
        continue;
      }
      for (const object of objectsIn(value)) {
        assert.ok(!Object.hasOwn(object, '__proto__'), text);
        assert.equal(Object.getPrototypeOf(Object.assign({}, object)), Object.prototype, text);
      }
    }
    assert.equal({}.admin, undefined);
  });
  fc.assert(property, { numRuns: runs(3_000) });
});

test('what is kept beside an outcome stands in front of an outcome, and of nothing else', () => {
  const results = new Results(undefined, [], []);
  const record = { hash: () => 'h' };
  assert.deepEqual(results.decode('W["beside"]\n"value"', record), {
    kind: 'value',
    value: 'value',
    beside: ['beside'],
  });
  const planted = {
    'another of its kind': 'W["outer"]\nW["inner"]\n"value"',
    'an error': 'W["beside"]\nE[["Error",1],{}]',
    'what was not kept': 'W["beside"]\nUtoo-large ',
    'no end': 'W["beside"]',
  };
  for (const [what, text] of Object.entries(planted)) {
    assert.throws(() => results.decode(text, record), { code: 'ERR_RECORD_UNREADABLE' }, what);
  }
});
