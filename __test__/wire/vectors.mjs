// What is the same payload and what is another one: the one list that the server's form and the browser's form are both
// held to. It imports nothing, because the test also bundles it for Chromium. The texts are those that records were made
// with: a text that changes here is a key in flight that a deployment refuses.

const form = (...entries) => {
  const made = new FormData();
  for (const [name, ...value] of entries) made.append(name, ...value);
  return made;
};
const file = (content, name, type, lastModified = 1) => new File([content], name, { type, lastModified });

/**
 * `same` are payloads that mean one thing, `other` payloads that each mean something else. `text` is the canonical text,
 * where both sides write the same one: a file's is the browser's own matter.
 * @type {{ what: string, same: unknown[], other?: unknown[], text?: string }[]}
 */
export const VECTORS = [
  {
    what: 'the order of fields, at any depth',
    same: [
      { a: 1, b: { c: 2, d: [{ e: 3, f: 4 }] } },
      { b: { d: [{ f: 4, e: 3 }], c: 2 }, a: 1 },
    ],
    other: [
      { a: 1, b: { c: 2, d: [{ e: 3, f: 5 }] } },
      { a: 1, b: { c: 2, d: [{ e: 3 }, { f: 4 }] } },
    ],
    text: '{"a":1,"b":{"c":2,"d":[{"e":3,"f":4,},],},}',
  },
  {
    what: 'names that sort differently by length, case and code unit',
    same: [
      { b: 1, aa: 2, B: 3, é: 4, '😀': 5, 10: 6, 9: 7 },
      { '😀': 5, 9: 7, é: 4, B: 3, 10: 6, aa: 2, b: 1 },
    ],
    text: '{"10":6,"9":7,"B":3,"aa":2,"b":1,"é":4,"😀":5,}',
  },
  {
    what: 'an undefined field and an absent one',
    same: [{ a: 1, b: undefined }, { a: 1 }],
    other: [{ a: 1, b: null }],
  },
  {
    what: 'the order of an array',
    same: [[1, 2]],
    other: [
      [2, 1],
      [[1], 2],
      ['1', 2],
      [1, 2, undefined],
    ],
    text: '[1,2,]',
  },
  {
    what: 'a hole and undefined in an array',
    same: [[undefined], new Array(1)],
    other: [[], [null]],
    text: '[undefined,]',
  },
  {
    what: 'entries of a Map, in any order',
    same: [
      new Map([
        ['a', 1],
        ['b', { c: 2, d: 3 }],
      ]),
      new Map([
        ['b', { d: 3, c: 2 }],
        ['a', 1],
      ]),
    ],
    other: [
      new Map([
        ['a', { c: 2, d: 3 }],
        ['b', 1],
      ]),
      { a: 1, b: { c: 2, d: 3 } },
      [
        ['a', 1],
        ['b', { c: 2, d: 3 }],
      ],
    ],
    text: 'Map{"a":1,"b":{"c":2,"d":3,},}',
  },
  {
    what: "a Map's keys, by what they hold",
    same: [new Map([[{ x: 1, y: 2 }, 'a']]), new Map([[{ y: 2, x: 1 }, 'a']])],
    other: [new Map([[{ x: 2, y: 2 }, 'a']])],
  },
  {
    what: 'a key 1 and a key "1" of a Map',
    same: [new Map([[1, 'a']])],
    other: [new Map([['1', 'a']])],
    text: 'Map{1:"a",}',
  },
  {
    what: 'members of a Set, in any order',
    same: [new Set([1, 'a', { b: 2 }]), new Set([{ b: 2 }, 'a', 1])],
    other: [new Set([1, 'a']), [1, 'a', { b: 2 }], new Set(['1', 'a', { b: 2 }])],
    text: 'Set{"a",1,{"b":2,},}',
  },
  {
    what: 'an empty object, array, Map, Set and form',
    same: [{}],
    other: [[], new Map(), new Set(), form(), '', null],
    text: '{}',
  },
  { what: 'zero and negative zero', same: [0, -0], other: ['0', 0n, false, null], text: '0' },
  { what: 'numbers', same: [1.5], other: ['1.5', 1, Number.NaN, Number.POSITIVE_INFINITY], text: '1.5' },
  {
    what: 'what is no number',
    same: [Number.NaN],
    other: [null, undefined, 'NaN', Number.POSITIVE_INFINITY],
    text: 'NaN',
  },
  { what: 'infinities', same: [Number.POSITIVE_INFINITY], other: [Number.NEGATIVE_INFINITY, null], text: 'Infinity' },
  { what: 'big integers', same: [10n], other: [10, '10', '10n', 11n], text: '10n' },
  { what: 'a date', same: [new Date(5)], other: [new Date(6), 5, '1970-01-01T00:00:00.005Z'], text: 'Date(5)' },
  { what: 'null and undefined', same: [null], other: [undefined, 'null', 0], text: 'null' },
  {
    what: 'text that looks like syntax',
    same: ['a","b'],
    other: [['a', 'b'], 'a', '"a","b"'],
    text: String.raw`"a\",\"b"`,
  },
  { what: 'half a surrogate pair', same: ['\ud800'], other: ['\ud801', '\ufffd'], text: String.raw`"\ud800"` },
  { what: 'a registered symbol', same: [Symbol.for('a')], other: [Symbol.for('b'), 'a'], text: 'symbol("a")' },
  {
    what: 'bytes, by their kind and content',
    same: [new Uint8Array([1, 2, 255]), new Uint8Array([0, 1, 2, 255, 0]).subarray(1, 4)],
    other: [
      new Uint8Array([1, 2, 254]),
      new Int8Array([1, 2, -1]),
      new Uint8Array([1, 2, 255]).buffer,
      new DataView(new Uint8Array([1, 2, 255]).buffer),
      [1, 2, 255],
      { 0: 1, 1: 2, 2: 255 },
    ],
    text: 'Uint8Array(AQL/)',
  },
  {
    what: 'numbers of a typed array',
    same: [new Float64Array([1.5])],
    other: [new Float64Array([1.25]), new BigInt64Array([1n]), [1.5]],
    text: 'Float64Array(AAAAAAAA+D8=)',
  },
  {
    what: 'a hundred thousand bytes',
    same: [new Uint8Array(100_000), new Uint8Array(100_000)],
    other: [new Uint8Array(99_999)],
  },
  {
    what: 'addresses, patterns and errors',
    same: [[new URL('https://a/b'), /a/g, new RangeError('x')]],
    other: [
      [new URL('https://a/c'), /a/g, new RangeError('x')],
      [new URL('https://a/b'), /a/, new RangeError('x')],
      [new URL('https://a/b'), /a/g, new RangeError('y')],
    ],
    text: '[URL("https://a/b"),RegExp("/a/g"),Error(["RangeError","x"]),]',
  },
  {
    what: 'a query, by its order, and headers, which have none',
    same: [
      [new URLSearchParams('a=1&b=2'), new Headers({ b: '2', a: '1' })],
      [new URLSearchParams('a=1&b=2'), new Headers({ a: '1', b: '2' })],
    ],
    other: [[new URLSearchParams('b=2&a=1'), new Headers({ a: '1', b: '2' })]],
    text: '[URLSearchParams[["a","1",],["b","2",],],Headers[["a","1",],["b","2",],],]',
  },
  {
    what: 'an object with toJSON, by what that returns',
    same: [
      { price: { toJSON: undefined, cents: 5 } },
      {
        price: new (class Money {
          toJSON() {
            return { cents: 5 };
          }
        })(),
      },
    ],
    other: [
      {
        price: new (class Money {
          toJSON() {
            return { cents: 6 };
          }
        })(),
      },
    ],
    text: '{"price":{"cents":5,},}',
  },
  {
    what: 'the fields of a form, in any order',
    same: [form(['a', '1'], ['b', '2']), form(['b', '2'], ['a', '1'])],
    other: [form(['a', '2'], ['b', '1']), form(['a', '1']), { a: '1', b: '2' }],
    text: 'Form{"a":["1",],"b":["2",],}',
  },
  {
    what: 'values of one name in a form, in their order',
    same: [form(['a', '1'], ['b', 'x'], ['a', '2']), form(['b', 'x'], ['a', '1'], ['a', '2'])],
    other: [form(['a', '2'], ['b', 'x'], ['a', '1']), form(['a', '1'], ['b', 'x'])],
    text: 'Form{"a":["1","2",],"b":["x",],}',
  },
  {
    what: "the key and React's own entries in a form",
    same: [
      form(['item', 'book']),
      form(
        ['$ACTION_REF_2', ''],
        ['_1_$ACTION_KEY', 'kc9'],
        ['idempotency-key', 'k'],
        ['item', 'book'],
        ['$ACTION_ACTONCE', '1'],
      ),
    ],
    other: [form(['item', 'book'], ['x_$ACTION_KEY', '1'])],
    text: 'Form{"item":["book",],}',
  },
  {
    what: 'a form among other things, and a form in a Map',
    same: [
      { form: form(['a', '1'], ['b', '2']), by: new Map([['f', form(['c', '3'], ['d', '4'])]]) },
      { by: new Map([['f', form(['d', '4'], ['c', '3'])]]), form: form(['b', '2'], ['a', '1']) },
    ],
    other: [{ form: form(['a', '1'], ['b', '2']), by: new Map([['f', form(['c', '4'], ['d', '3'])]]) }],
  },
  {
    what: 'a file, by its name, size and type, and a field without one',
    same: [form(['f', file('ab', 'a.png', 'image/png')]), form(['f', file('ab', 'a.png', 'image/png')])],
    other: [
      form(['f', file('ab', 'b.png', 'image/png')]),
      form(['f', file('abc', 'a.png', 'image/png')]),
      form(['f', file('ab', 'a.png', 'image/jpeg')]),
      form(['f', file('', '', 'application/octet-stream')]),
      form(['f', '']),
    ],
  },
  {
    what: 'a field without a file, which the browser dates anew each time',
    same: [
      form(['f', file('', '', 'application/octet-stream', 1)]),
      form(['f', file('', '', 'application/octet-stream', 2)]),
    ],
  },
  {
    what: 'a Blob and a File',
    same: [[new Blob(['ab'], { type: 'a/b' })]],
    other: [[file('ab', 'a', 'a/b')], [new Blob(['ab'])]],
  },
];

/** What neither side can compare: it is refused, never taken for equal. */
export const REFUSED = {
  'a function': { a: () => 1 },
  'a promise': [Promise.resolve()],
  'a stream': { a: new ReadableStream() },
  'a symbol of its own': { a: Symbol('own') },
  'an object that hides what it holds': {
    a: new (class Hidden {
      #secret = 1;
      get secret() {
        return this.#secret;
      }
    })(),
  },
  'what contains itself': (() => {
    const cycle = { a: [] };
    cycle.a.push(cycle);
    return cycle;
  })(),
};
