// Every kind of value that a Server Action may return, and what else a program may return: kept exactly, or refused.

function cyclic() {
  const order = { id: 1, lines: [] };
  order.lines.push({ order }, { order });
  return order;
}

const shared = { street: 'Hauptstraße' };
class Money {
  constructor(amount) {
    this.amount = amount;
  }
}
class PlainMap extends Map {}

export const KEPT = {
  undefined: undefined,
  nested_undefined: { a: undefined, b: [undefined, 1] },
  NaN: NaN,
  Infinity: [Infinity, -Infinity],
  negzero: { amount: -0 },
  bigint: 12345678901234567890n,
  string: 'a \ud800 half pair, \u2028, \0 and "quotes" \\ 漢 😀',
  date: new Date('2026-01-05T10:00:00.123Z'),
  invalid_date: { at: new Date(Number.NaN) },
  map: new Map([[{ id: 1 }, new Map([['a', 1n]])]]),
  set: new Set([1, 'a', { b: undefined }]),
  uint8array: new Uint8Array([0, 1, 255]),
  float64array: new Float64Array([0.1, Number.NaN, -0]),
  bigint64: new BigInt64Array([-1n, 2n ** 60n]),
  every_other_typed_array: [
    new Int8Array([-1]),
    new Uint8ClampedArray([9]),
    new Int16Array([-2]),
    new Uint16Array([3]),
    new Int32Array([-4]),
    new Uint32Array([5]),
    new Float32Array([0.5]),
    new BigUint64Array([6n]),
  ],
  arraybuffer: new Uint8Array([1, 2, 3]).buffer,
  dataview: new DataView(new Uint8Array([1, 2, 3]).buffer),
  buffer: { file: Buffer.from('hällo'), empty: Buffer.alloc(0) },
  error: new TypeError('declined', { cause: new RangeError('limit') }),
  null_proto: Object.assign(Object.create(null), { a: [1] }),
  getter: {
    get total() {
      return 42;
    },
  },
  symbol_for: [Symbol.for('paid'), Symbol.for('')],
  cyclic: cyclic(),
  shared: { billing: shared, shipping: shared },
  url: new URL('https://example.com/a?b=c#d'),
  urlsp: new URLSearchParams('a=1&a=2'),
  regexp: /a+\/"/giu,
  headers: new Headers([
    ['x-a', '1'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ]),
  // biome-ignore lint/suspicious/noSparseArray: it is the case
  sparse: [, 1, , 2, ,],
  very_sparse: Object.assign([], { 999999: 'last' }),
  frozen: Object.freeze({ a: Object.freeze([1]) }),
};

/** With what the refusal calls it. */
export const REFUSED = {
  class_instance: [new Money(5), /an instance of class Money/],
  subclass_of_a_kind: [new PlainMap(), /an instance of class PlainMap/],
  symbol_local: [Symbol('local'), /a symbol that Symbol\.for\(\) does not know/],
  symbol_key: [{ [Symbol.for('key')]: 1 }, /a symbol for a key/],
  promise: [Promise.resolve(1), /a promise/],
  async_iterable: [(async function* () {})(), /an async iterable/],
  sync_iterator: [[1].values(), /an iterator/],
  generator: [(function* () {})(), /an iterator/],
  stream: [new ReadableStream(), /a stream/],
  node_stream: [process.stdin, /a stream/],
  jsx: [{ $$typeof: Symbol.for('react.transitional.element'), type: 'p', props: {} }, /a React element/],
  function: [() => {}, /a function/],
  proto_key: [JSON.parse('{"__proto__":{"admin":true}}'), /a key __proto__/],
  proto_key_without_prototype: [
    Object.defineProperty(Object.create(null), '__proto__', { value: 1, enumerable: true }),
    /a key __proto__/,
  ],
  response: [new Response('x'), /an instance of Response/],
  weak_map: [new WeakMap(), /an instance of WeakMap/],
  boxed: [Object(5), /a boxed primitive/],
  arguments: [
    (function () {
      // biome-ignore lint/complexity/noArguments: it is the case
      return arguments;
    })(1),
    /arguments/,
  ],
  namespace: [Math, /not a plain object/],
  array_with_a_name: ['abc'.match(/b/), /an Array with a property index/],
  map_with_a_name: [Object.assign(new Map(), { size2: 1 }), /a Map with a property size2/],
  regexp_in_use: [Object.assign(/a/g, { lastIndex: 3 }), /lastIndex/],
  shared_memory: [new Uint8Array(new SharedArrayBuffer(2)), /shared memory/],
  part_of_shared_memory: [new Uint8Array(new SharedArrayBuffer(8), 2, 2), /shared memory/],
  endless_array: [Object.assign([], { 5000000: 1 }), /an array longer/],
  resizable: [new ArrayBuffer(1, { maxByteLength: 2 }), /an instance of ArrayBuffer/],
};
