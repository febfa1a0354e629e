// Scenario A7: who gets the outcome of another attempt gets an equal error.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { types } from 'node:util';
import { bundle } from '../support/bundle.mjs';
import { KEPT, REFUSED } from '../support/kinds.mjs';
import { difference } from '../support/same-graph.mjs';
import '../support/unhandled.mjs';

const { decodeError, encodeError, MalformedPayloadError } = await bundle('lib/outcome/codec/index.ts');

class CardError extends Error {
  constructor(message, code, options) {
    super(message, options);
    this.name = 'CardError';
    this.code = code;
  }

  get isFinal() {
    return this.code === 'stolen';
  }
}
class StolenCardError extends CardError {}

const trip = (thrown, registered = []) => decodeError(encodeError(thrown, registered), registered);

test('A7: name, message, code, digest, cause, own fields and the class of a registered error come back', () => {
  const cause = Object.assign(new TypeError('no funds', { cause: 'the bank' }), { code: 'ERR_BANK' });
  const thrown = Object.assign(new CardError('declined', 'stolen', { cause }), {
    digest: 'MY_DIGEST',
    attempts: [1, new Date(0)],
    '#internal': 1n,
  });
  const back = trip(thrown, [CardError]);
  assert.equal(difference(back, thrown), undefined);
  assert.ok(back instanceof CardError && types.isNativeError(back));
  assert.ok(back.isFinal);
  assert.ok(back.cause instanceof TypeError);
});

test('A7: a class that is not registered comes back as what it extends, under its own name', () => {
  const thrown = new StolenCardError('declined', 'stolen');
  assert.equal(Object.getPrototypeOf(trip(thrown, [CardError])), CardError.prototype);
  const plain = trip(thrown, []);
  assert.equal(Object.getPrototypeOf(plain), Error.prototype);
  assert.deepEqual([plain.name, plain.message, plain.code], ['CardError', 'declined', 'stolen']);
  class Unnamed extends RangeError {}
  assert.ok(trip(new Unnamed('x'), []) instanceof RangeError);
});

test('A7: a registered class is found by its name, since a bundler may have made a second copy of it', () => {
  const Copy = { CardError: class CardError extends Error {} }.CardError;
  assert.ok(decodeError(encodeError(new CardError('x', 1), [CardError]), [Copy]) instanceof Copy);
  assert.ok(decodeError(encodeError(new CardError('x', 1), []), [CardError]) instanceof CardError);
});

test('A7: no constructor of a registered class is called', () => {
  class Strict extends Error {
    constructor(order) {
      super(order.id);
    }
  }
  assert.equal(trip(new Strict({ id: 'o1' }), [Strict]).message, 'o1');
});

test('A7: what a class computes (name, message, code, digest) is kept although it is no field', () => {
  class Coded extends Error {
    get name() {
      return 'Computed';
    }
    get code() {
      return 'E_CODED';
    }
    get digest() {
      return 'D';
    }
  }
  for (const registered of [[], [Coded]]) {
    const back = trip(new Coded('m'), registered);
    assert.deepEqual([back.name, back.message, back.code, back.digest], ['Computed', 'm', 'E_CODED', 'D']);
    assert.deepEqual(Object.keys(back), []);
  }
});

test('A7: every built-in error comes back as its class', () => {
  const errors = [new Error('a'), new EvalError('b'), new RangeError(''), new ReferenceError(), new SyntaxError('c')];
  errors.push(
    new URIError('d'),
    new AggregateError([new TypeError('e'), 'f'], 'g'),
    new DOMException('h', 'AbortError'),
  );
  for (const error of errors) assert.equal(difference(trip(error), error), undefined, String(error));
  assert.equal(trip(AbortSignal.abort().reason).code, DOMException.ABORT_ERR);
});

test('A7: an error may refer to itself and to others twice', () => {
  const error = new Error('outer', { cause: new Error('inner') });
  Object.assign(error.cause, { cause: error, again: error.cause });
  error.first = error.cause;
  assert.equal(difference(trip(error), error), undefined);
});

test('A7: the stack is never stored; a replayed error names the place of the replay', () => {
  const thrown = new CardError('declined', 'x', { cause: new Error('inner') });
  assert.ok(!encodeError(thrown, []).includes('codec/errors'));
  const spelled = Object.defineProperty(new Error('x'), 'stack', { value: 'at codec/errors', enumerable: true });
  assert.ok(!encodeError(spelled, []).includes('codec/errors'));
  const back = trip(thrown, [CardError]);
  assert.match(back.stack, /^CardError: declined\n {4}at trip .*codec\/errors/);
  assert.equal(back.cause.stack, 'Error: inner');
  const limit = Error.stackTraceLimit;
  assert.ok(limit > 0, 'the limit is as it was');
});

test('A8: any thrown value is encoded', () => {
  for (const thrown of [undefined, null, 'text', '', 0, -0, 5n, Symbol.for('x'), { redirect: '/x' }, [new Map()]]) {
    assert.equal(difference(trip(thrown), thrown), undefined);
  }
});

test('A8: a thrown value that cannot be recorded comes back as an error that says so', () => {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  for (const thrown of [
    () => {},
    Symbol('x'),
    new Response(''),
    { at: Promise.resolve() },
    new Blob(['x']),
    revoked.proxy,
  ]) {
    const back = trip(thrown);
    assert.ok(back instanceof Error);
    assert.match(back.message, /^The thrown value cannot be recorded: it is /);
  }
  assert.match(trip({ text: 'x'.repeat(100_000) }).message, /larger than 16384 characters/);
});

test('A8: encoding an error never fails, whatever was thrown and whatever it carries', () => {
  for (const value of [...Object.values(KEPT), ...Object.values(REFUSED).map(([refused]) => refused)]) {
    trip(value);
    const back = trip(Object.assign(new Error('kept'), { value, message2: 'kept', cause: value, errors: [value] }));
    assert.deepEqual([back.message, back.message2], ['kept', 'kept']);
  }
});

test('A7: fields that cannot be recorded are left out, the others stay', () => {
  const thrown = Object.assign(new Error('timeout'), {
    config: { transform: [() => {}] },
    request: new Response(''),
    reference: new Proxy(() => {}, { get: assert.fail, getPrototypeOf: assert.fail, has: assert.fail }),
    status: 504,
  });
  Object.defineProperty(thrown, 'lazy', {
    enumerable: true,
    get() {
      throw new Error('no');
    },
  });
  Object.defineProperty(thrown, '__proto__', { value: { admin: true }, enumerable: true });
  const back = trip(thrown);
  assert.deepEqual([back.message, { ...back }], ['timeout', { status: 504 }]);
});

test('A7: of a field with toJSON what that gives is kept, once and with its key, as Flight does', () => {
  const calls = [];
  const price = {
    toJSON(key) {
      calls.push(key);
      return { cents: 5n };
    },
  };
  class Decimal {
    toJSON() {
      return '1.50';
    }
  }
  const back = trip(Object.assign(new Error('declined'), { meta: { price, again: [price], total: new Decimal() } }));
  assert.deepEqual(back.meta, { price: { cents: 5n }, again: [{ cents: 5n }], total: '1.50' });
  assert.equal(back.meta.price, back.meta.again[0]);
  assert.deepEqual([...new Set(calls)], ['price']);
});

test('A7: the size is bounded: large fields go first, then causes, the message is shortened last', () => {
  const thrown = Object.assign(new Error('declined'), { html: 'x'.repeat(1_000_000), code: 'E', after: 1 });
  assert.deepEqual({ ...trip(thrown) }, { code: 'E', after: 1 });
  const many = Object.assign(
    new Error('many'),
    Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`f${at}`, 'y'.repeat(99)])),
  );
  assert.ok(encodeError(many, []).length < 30_000);
  assert.equal(trip(many).f0.length, 99);

  const keys = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`${at}`.padEnd(1_000, 'k'), 1]));
  assert.ok(encodeError(Object.assign(new Error('keys'), keys), []).length < 30_000);

  let chain = new Error('root');
  for (let at = 0; at < 10_000; at += 1) chain = new Error(`link ${at}`, { cause: chain });
  assert.ok(encodeError(chain, []).length < 30_000);
  assert.equal(trip(chain).cause.message, 'link 9998');

  const all = new AggregateError(
    Array.from({ length: 10_000 }, (_, at) => new Error(`e${at}`.repeat(100))),
    'all',
  );
  assert.ok(encodeError(all, []).length < 30_000);
  assert.equal(trip(all).message, 'all');
  assert.match(trip(all).errors[0].message, /^e0/);

  const loud = new Error('\u0000'.repeat(1_000_000));
  assert.ok(encodeError(loud, []).length < 30_000);
  assert.equal(trip(loud).message.length, 4_096);
  const own = Object.assign(new Error(''), { big: 'x'.repeat(16_000), message: 'own'.repeat(2_000) });
  assert.equal(trip(own).message.length, 4_096);
});

test('A7: half a surrogate pair in a message survives UTF-8', () => {
  const text = encodeError(new Error('half \ud83d'), []);
  assert.equal(Buffer.from(text).toString(), text);
  assert.equal(decodeError(text, []).message, 'half \ud83d');
});

test('RH7: no other text is an error, and no planted class is looked up beyond the registered ones', () => {
  for (const text of ['', 'J{}', 'E', 'E{', 'E[["Error",1],{"#class":2},5]', 'E[["Error",1],5]']) {
    assert.throws(() => decodeError(text, [CardError]), MalformedPayloadError);
  }
  for (const name of ['constructor', '__proto__', 'Function', 'process', '']) {
    const planted = `E${JSON.stringify([['Error', 1], { '#class': 2, '#message': 4 }, [3], name, 'x'])}`;
    assert.equal(Object.getPrototypeOf(decodeError(planted, [CardError])), Error.prototype);
  }
  const stack = 'E[["Error",1],{"#class":2,"stack":4,"#stack":4},[3],"Error","planted"]';
  const back = decodeError(stack, []);
  assert.ok(!back.stack.includes('planted'));
  assert.equal(Object.getPrototypeOf(back), Error.prototype);
});
