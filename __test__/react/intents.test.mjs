// The life of a key in the browser, without a browser: which key a submission gets, by what the tab knows.
import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import fc from 'fast-check';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';

const { keyFor, sent, seen, forgotten, NOTHING_SENT } = await bundle('lib/react/intents.ts');
const { fingerprintOf } = await bundle('lib/react/fingerprint.ts');

let made = 0;
const rules = (more = {}) => ({
  repeatAfterMs: 2_000,
  lifetimeMs: 60_000,
  suggested: undefined,
  makeKey: () => `made-${++made}`,
  ...more,
});

/** A tab whose clock is set by hand. */
function tab() {
  let intents = NOTHING_SENT;
  const read = (what, at, more) => {
    const chosen = keyFor(intents, what, at, rules(more));
    intents = chosen.intents;
    return chosen.key;
  };
  return {
    /** The form is read, and not sent. */
    read,
    send(what, at, more) {
      const key = read(what, at, more);
      intents = sent(intents, key, what, at);
      return key;
    },
    /** What was given this key before is on its way now. */
    sendAs(key, what, at) {
      intents = sent(intents, key, what, at);
    },
    /** For how long there is no room. */
    refusal: (what, at, more) => keyFor(intents, what, at, rules(more)).fullForMs,
    see: (key, at) => {
      intents = seen(intents, key, at);
    },
    forget: (key) => {
      intents = forgotten(intents, key);
    },
    get intents() {
      return intents;
    },
  };
}

describe('the key of a submission', () => {
  beforeEach(() => {
    made = 0;
  });

  it('is the same until the outcome is seen, however often and late it is sent', () => {
    const { send } = tab();
    assert.deepEqual([send('a', 0), send('a', 1), send('a', 59_999)], Array(3).fill('made-1'));
    assert.equal(send('a', 60_000), 'made-2', 'beyond the lifetime the record may be gone');
  });

  it('is the same for a double click after a fast outcome, and new for a deliberate repetition', () => {
    const { send, see } = tab();
    const key = send('a', 0);
    see(key, 100);
    assert.equal(send('a', 2_099), key);
    assert.notEqual(send('a', 2_100), key);
  });

  it('is new after an edit, and the unseen one is known again when the edit is taken back', () => {
    const { send, see } = tab();
    const lost = send('a', 0);
    const edited = send('b', 1);
    assert.notEqual(edited, lost);
    see(edited, 2);
    assert.equal(send('a', 30_000), lost);
  });

  it('is the one the server made, once', () => {
    const { send, see } = tab();
    const more = { suggested: 'from-server' };
    assert.equal(send('a', 0, more), 'from-server');
    see('from-server', 1);
    assert.equal(send('a', 1_000, more), 'from-server', 'a double click');
    // Back shows the same page from the router cache, with the same key in it.
    assert.equal(send('a', 5_000, more), 'made-1');
    assert.equal(send('b', 5_000, more), 'made-2');
    assert.equal(send('c', 5_000, { suggested: '' }), 'made-3');
  });

  it('is new when the old one was of no use', () => {
    const { send, forget } = tab();
    const key = send('a', 0);
    forget(key);
    assert.notEqual(send('a', 1), key);
  });

  it('is the same for each of a hundred orders whose answers were lost, when all are sent again', () => {
    const { send } = tab();
    const orders = Array.from({ length: 100 }, (_, n) => `order ${n}`);
    const sent = orders.map((what, n) => send(what, n));
    assert.deepEqual(
      orders.map((what, n) => send(what, 1_000 + n)),
      sent,
    );
  });

  it('is the same for a double click, however much else was sent and answered in between', () => {
    const { send, see } = tab();
    const key = send('a', 0);
    see(key, 1);
    for (let n = 0; n < 100; n++) see(send(`other ${n}`, n), n);
    assert.equal(send('a', 1_000), key);
  });

  it('is refused when the tab has no room for one more, and not for what it has', () => {
    const { send, see, read, refusal } = tab();
    const keys = Array.from({ length: 1_000 }, (_, n) => send(`order ${n}`, n));
    assert.equal(refusal('one more', 2_000), 58_000, 'by then the first one is beyond its lifetime');
    assert.equal(send('order 0', 2_000), keys[0]);
    see(keys[7], 3_000);
    assert.equal(refusal('one more', 3_500), 1_500, 'by then order 7 is no double click any more');
    for (let n = 0; n < 20; n++) assert.match(read(`typing ${n}`, 5_000), /^made-/, 'what is only read takes no room');
    assert.match(send('one more', 5_000), /^made-/);
    assert.equal(send('order 999', 5_000), keys[999]);
  });

  it('costs no room where a form is only read, at every key stroke', () => {
    const browser = tab();
    const key = browser.send('a', 0);
    for (let n = 0; n < 5_000; n++) browser.read(`typing ${n}`, n);
    assert.equal(browser.read('b', 5_000), browser.send('b', 5_001), 'what is read and then sent has one key');
    assert.equal(browser.send('a', 5_002), key);
    assert.ok(browser.intents.attempts.length <= 22);
  });

  it('is known though it was forgotten as a draft before it was sent', () => {
    const { read, sendAs, send } = tab();
    const key = read('a', 0);
    for (let n = 0; n < 25; n++) read(`draft ${n}`, n);
    sendAs(key, 'a', 30);
    assert.equal(send('a', 40), key);
    assert.notEqual(send('b', 40, { suggested: key }), key);
  });

  it('is not the one of the server where that may have been used, however long ago', () => {
    const browser = tab();
    const { send, see } = browser;
    for (let n = 0; n < 1_100; n++)
      see(send('a', n * 5_000, { suggested: `from-server-${n}`, lifetimeMs: 1e9 }), n * 5_000);
    for (const n of [0, 500, 999, 1_099]) {
      assert.match(send('b', 1e9, { suggested: `from-server-${n}`, lifetimeMs: 1e9 }), /^made-/);
    }
    assert.ok(browser.intents.used.length <= 1_000);
  });

  it('is never given to two different things, and what was seen is forgotten in time', () => {
    const step = fc.record({
      what: fc.constantFrom(...'abcdef'),
      after: fc.nat(5_000),
      sees: fc.boolean(),
      suggested: fc.option(fc.constantFrom('s1', 's2'), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const browser = tab();
        const meaning = new Map();
        let now = 0;
        for (const { what, after, sees, suggested } of steps) {
          now += after;
          const key = browser.send(what, now, { suggested });
          assert.equal(meaning.get(key) ?? what, what);
          meaning.set(key, what);
          if (sees) browser.see(key, now);
        }
        browser.send('the last', now + 2_000);
        assert.ok(browser.intents.attempts.every(({ seenAt }) => seenAt === undefined));
      }),
    );
  });
});

describe('whether two submissions are the same', () => {
  const form = (entries) => {
    const data = new FormData();
    for (const [name, value] of entries) data.append(name, value);
    return data;
  };

  it('the key and what React adds do not count', () => {
    const plain = form([['bags', '1']]);
    const full = form([
      ['$ACTION_REF_2', ''],
      ['_1_$ACTION_KEY', 'k'],
      ['idempotency-key', 'x'],
      ['bags', '1'],
    ]);
    assert.equal(fingerprintOf(full), fingerprintOf(plain));
    assert.notEqual(fingerprintOf(form([['bags', '2']])), fingerprintOf(plain));
    assert.notEqual(
      fingerprintOf(
        form([
          ['bags', '1'],
          ['bags', '1'],
        ]),
      ),
      fingerprintOf(plain),
    );
  });

  it('a field without a file is the same each time the form is read, though the browser dates it anew', () => {
    const read = (lastModified) =>
      form([['photo', new File([], '', { type: 'application/octet-stream', lastModified })]]);
    assert.equal(fingerprintOf(read(1)), fingerprintOf(read(2)));
    const chosen = (lastModified) => form([['photo', new File(['x'], 'a.png', { lastModified })]]);
    assert.notEqual(fingerprintOf(chosen(1)), fingerprintOf(chosen(2)));
  });

  it('every kind of argument counts by what it holds', () => {
    const values = [
      undefined,
      null,
      0,
      1,
      '1',
      1n,
      [1],
      { a: 1 },
      { a: '1' },
      new Map([[1, 2]]),
      new Map([[1, 3]]),
      new Set([1]),
      new Date(0),
      new Date(1),
    ];
    values.push(
      new Uint8Array([1]).buffer,
      new Uint8Array([2]).buffer,
      new File(['a'], 'a.txt'),
      new File(['a'], 'b.txt'),
      new Blob(['ab']),
    );
    const prints = values.map((value) => fingerprintOf([value]));
    assert.equal(new Set(prints).size, values.length);
    assert.ok(
      prints.every((print) => /^2:[0-9a-z]{2,14}$/.test(print)),
      'nothing that was typed can be read',
    );
  });
});

describe('what a tab remembers', () => {
  const sent = (fingerprint) => ({ fingerprint, former: () => fingerprint });
  const storage = (broken) => {
    const items = new Map();
    const fails = () => {
      throw new DOMException('blocked', 'SecurityError');
    };
    return broken
      ? { getItem: fails, setItem: fails, removeItem: fails }
      : {
          getItem: (k) => items.get(k) ?? null,
          setItem: (k, v) => items.set(k, v),
          removeItem: (k) => items.delete(k),
          items,
        };
  };

  for (const [what, broken] of [
    ['sessionStorage', false],
    ['memory, when that is blocked', true],
  ]) {
    it(`is kept in ${what}`, async (t) => {
      const { chooseKey, outcomeSeen, forgetAll } = await bundle('lib/react/tab.ts');
      globalThis.sessionStorage = storage(broken);
      t.after(() => delete globalThis.sessionStorage);
      mock.timers.enable({ apis: ['Date'] });
      t.after(() => mock.timers.reset());
      const key = chooseKey('order', sent('a'), 2_000);
      assert.match(key, /^[0-9a-f-]{36}$/);
      assert.equal(chooseKey('order', sent('a'), 2_000), key);
      assert.notEqual(chooseKey('other form', sent('a'), 2_000), key);
      outcomeSeen('order', key);
      mock.timers.tick(2_000);
      const second = chooseKey('order', sent('a'), 2_000);
      assert.notEqual(second, key);
      forgetAll('order');
      assert.notEqual(chooseKey('order', sent('a'), 2_000), second);
    });
  }

  it('is what was sent last, when the storage becomes full on the way', async (t) => {
    const { chooseKey } = await bundle('lib/react/tab.ts');
    globalThis.sessionStorage = storage(false);
    t.after(() => delete globalThis.sessionStorage);
    chooseKey('order', sent('a'), 2_000);
    sessionStorage.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    assert.equal(chooseKey('order', sent('b'), 2_000), chooseKey('order', sent('b'), 2_000));
  });

  it('is what was sent last, when the full storage has room again', async (t) => {
    const { chooseKey } = await bundle('lib/react/tab.ts');
    globalThis.sessionStorage = storage(false);
    t.after(() => delete globalThis.sessionStorage);
    const { setItem } = sessionStorage;
    sessionStorage.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    const key = chooseKey('order', sent('a'), 2_000);
    sessionStorage.setItem = setItem;
    const [second, third] = ['b', 'c'].map((what) => chooseKey('order', sent(what), 2_000));
    assert.deepEqual(
      ['a', 'b', 'c'].map((what) => chooseKey('order', sent(what), 2_000)),
      [key, second, third],
    );
  });

  it('survives a reload, when the storage became full before it', async (t) => {
    globalThis.sessionStorage = storage(false);
    t.after(() => delete globalThis.sessionStorage);
    const { setItem } = sessionStorage;
    const before = await bundle('lib/react/tab.ts');
    const key = before.chooseKey('order', sent('a'), 2_000);
    sessionStorage.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    before.chooseKey('order', sent('b'), 2_000);
    sessionStorage.setItem = setItem;
    const reloaded = await bundle('lib/react/tab.ts');
    assert.equal(reloaded.chooseKey('order', sent('a'), 2_000), key);
  });

  it('is an error with a code, when there is no room', async (t) => {
    const { chooseKey, noteSent } = await bundle('lib/react/tab.ts');
    globalThis.sessionStorage = storage(false);
    t.after(() => delete globalThis.sessionStorage);
    for (let n = 0; n < 1_000; n++) noteSent('orders', chooseKey('orders', sent(String(n)), 2_000));
    assert.throws(
      () => chooseKey('orders', sent('one more'), 2_000),
      (error) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, /1000 .*orders/);
        assert.match(error.digest, /^ACTONCE;ERR_TAB_FULL;8[0-9]{7}$/);
        return error.code === 'ERR_TAB_FULL';
      },
    );
    assert.ok(chooseKey('orders', sent('0'), 2_000));
  });

  it('is what version 0.1 sent as well: the page was reloaded after a deployment, and the order is the same', async (t) => {
    const { chooseKey, outcomeSeen } = await bundle('lib/react/tab.ts');
    const { fingerprintsOf } = await bundle('lib/react/fingerprint.ts');
    globalThis.sessionStorage = storage(false);
    t.after(() => delete globalThis.sessionStorage);
    // Made by that version.
    const sentAt = Date.now();
    const attempts = [
      { fingerprint: '1of6xeewwg3fq', key: 'by-form', sentAt },
      { fingerprint: '1ke9yei1h3g58d', key: 'by-call', sentAt },
    ];
    sessionStorage.setItem('actonce:order', JSON.stringify({ attempts, used: [] }));
    const form = new FormData();
    form.set('bags', '2');
    form.set('photo', new File(['ab'], 'a.png', { type: 'image/png', lastModified: 5 }));
    const args = [{ item: 'tea', bags: 2n, at: new Map([['a', 1]]) }];
    const choose = (given, before) =>
      chooseKey('order', fingerprintsOf({ id: 'order', bound: [], args: given, exclude: [], before }), 0);
    assert.equal(choose([form], form), 'by-form');
    assert.equal(choose(args, args), 'by-call');
    for (const key of ['by-form', 'by-call']) outcomeSeen('order', key);
    assert.match(choose([form], form), /^[0-9a-f-]{36}$/);
    assert.match(choose(args, args), /^[0-9a-f-]{36}$/);
  });

  it('takes an argument that is undefined for none', async () => {
    const { fingerprintsOf } = await bundle('lib/react/fingerprint.ts');
    const of = (...args) => fingerprintsOf({ id: 'x', bound: [], args, exclude: [], before: args }).fingerprint;
    assert.equal(of(), of(undefined));
    assert.equal(of(1), of(1, undefined));
    assert.notEqual(of(undefined, 1), of(1));
    assert.notEqual(of(null), of());
  });

  it('takes what is bound as it is, whatever is left out of what is sent', async () => {
    const { fingerprintsOf } = await bundle('lib/react/fingerprint.ts');
    const of = (id, token) =>
      fingerprintsOf({ id: 'x', bound: [{ id }], args: [{ id: token, bags: 2 }], exclude: ['id'], before: [] })
        .fingerprint;
    assert.equal(of(7, 1), of(7, 2));
    assert.notEqual(of(7, 1), of(8, 1));
  });

  it('is begun anew when something else is stored there, and a key is made without randomUUID', async (t) => {
    const { chooseKey } = await bundle('lib/react/tab.ts');
    globalThis.sessionStorage = { getItem: () => '{"attempts":5}', setItem() {}, removeItem() {} };
    t.after(() => delete globalThis.sessionStorage);
    const { randomUUID } = crypto;
    crypto.randomUUID = undefined;
    t.after(() => {
      crypto.randomUUID = randomUUID;
    });
    assert.match(chooseKey('insecure', sent('a'), 2_000), /^[0-9a-f]{32}$/);
  });
});
