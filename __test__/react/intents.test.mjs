// The life of a key in the browser, without a browser: which key a submission gets, by what the tab knows.
import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import fc from 'fast-check';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';

const { keyFor, seen, forgotten, NOTHING_SENT } = await bundle('lib/react/intents.ts');
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
  return {
    send(what, at, more) {
      const chosen = keyFor(intents, what, at, rules(more));
      intents = chosen.intents;
      return chosen.key;
    },
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

  it('is never given to two different things, and the memory stays small', () => {
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
        assert.ok(browser.intents.attempts.length <= 20 && browser.intents.used.length <= 20);
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
    // null and undefined are one argument in JSON; so are they here.
    assert.equal(new Set(prints).size, values.length - 1);
    assert.ok(
      prints.every((print) => /^[0-9a-z]{2,14}$/.test(print)),
      'nothing that was typed can be read',
    );
  });
});

describe('what a tab remembers', () => {
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
      const key = chooseKey('order', 'a', 2_000);
      assert.match(key, /^[0-9a-f-]{36}$/);
      assert.equal(chooseKey('order', 'a', 2_000), key);
      assert.notEqual(chooseKey('other form', 'a', 2_000), key);
      outcomeSeen('order', key);
      mock.timers.tick(2_000);
      const second = chooseKey('order', 'a', 2_000);
      assert.notEqual(second, key);
      forgetAll('order');
      assert.notEqual(chooseKey('order', 'a', 2_000), second);
    });
  }

  it('is what was sent last, when the storage becomes full on the way', async (t) => {
    const { chooseKey } = await bundle('lib/react/tab.ts');
    globalThis.sessionStorage = storage(false);
    t.after(() => delete globalThis.sessionStorage);
    chooseKey('order', 'a', 2_000);
    sessionStorage.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    assert.equal(chooseKey('order', 'b', 2_000), chooseKey('order', 'b', 2_000));
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
    assert.match(chooseKey('insecure', 'a', 2_000), /^[0-9a-f]{32}$/);
  });
});
