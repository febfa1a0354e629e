// replayCookies, around an action's value and redirect: what is kept beside them, and what becomes of a run whose
// cookies cannot be kept.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTestClient } from '../../dist/testing.mjs';
import '../support/actonce.mjs';
import { next } from '../support/next.mjs';
import { CookieJar, nextRequest } from '../support/next-headers.mjs';
import { nextWarning } from '../support/warnings.mjs';

const { idempotentAction } = next;
const signal = (digest) => Object.assign(new Error(digest), { digest });

function counted(t, options = {}, work = () => 'ordered') {
  const client = options.client ?? createTestClient();
  t.after(() => client.close());
  const calls = [];
  const action = idempotentAction(
    { name: 'order', scope: () => 'ann', replayCookies: ['cart'], ...options, client },
    async (input, ctx) => {
      calls.push(input);
      return work(input, ctx);
    },
  );
  return { action, calls, client };
}

const setsCart = (end) => () => {
  nextJar().set({ name: 'cart', value: 'c-1', expires: new Date(1_900_000_000_000) });
  return end();
};
let current;
const nextJar = () => current;
const request = (jar) => {
  current = nextRequest(jar);
  return current;
};

describe('what is kept beside an outcome', () => {
  for (const [what, end, ended] of [
    ['a value', () => ({ id: 'o-1' }), (call) => call.then((value) => assert.deepEqual(value, { id: 'o-1' }))],
    [
      'a redirect',
      () => {
        throw signal('NEXT_REDIRECT;push;/done;307;');
      },
      (call) => assert.rejects(call, { digest: 'NEXT_REDIRECT;push;/done;307;' }),
    ],
    ['undefined', () => undefined, (call) => call.then((value) => assert.equal(value, undefined))],
    ['a long text', () => 'x'.repeat(5_000), (call) => call.then((value) => assert.equal(value.length, 5_000))],
  ]) {
    it(`cookies beside ${what} are set again by a replay, dates included`, async (t) => {
      const { action, calls } = counted(t, {}, setsCart(end));
      for (let n = 0; n < 3; n++) {
        const jar = request();
        await ended(action('k', 1));
        assert.deepEqual(jar.values(), { cart: 'c-1' });
        assert.equal(jar.getAll()[0].expires.getTime(), 1_900_000_000_000);
      }
      assert.equal(calls.length, 1);
    });
  }

  it('the first response has them already: each is set once', async (t) => {
    const { action } = counted(
      t,
      {},
      setsCart(() => 'ordered'),
    );
    for (const _ of ['first', 'replay']) {
      const jar = request();
      const set = t.mock.method(jar, 'set');
      await action('k', 1);
      assert.equal(set.mock.callCount(), 1);
    }
  });

  it('a cookie that is no longer named is not replayed, and one that was never named is not recorded', async (t) => {
    const work = () => {
      for (const name of ['cart', 'trail', 'session']) nextJar().set({ name, value: name });
      return 'ordered';
    };
    const { action, client } = counted(t, { replayCookies: ['cart', 'trail'] }, work);
    request();
    await action('k', 1);
    for (const [replayCookies, values] of [
      [['cart', 'trail', 'session'], { cart: 'cart', trail: 'trail' }],
      [['cart'], { cart: 'cart' }],
    ]) {
      const jar = request();
      assert.equal(await counted(t, { replayCookies, client }).action('k', 1), 'ordered');
      assert.deepEqual(jar.values(), values);
    }
  });

  it("the cookies of Next's preview reach no other browser, even when they are named", async (t) => {
    const preview = ['__prerender_bypass', '__next_preview_data'];
    const work = () => {
      for (const name of [...preview, 'cart']) nextJar().set({ name, value: name });
      return 'ordered';
    };
    const { action } = counted(t, { replayCookies: [...preview, 'cart'] }, work);
    request();
    await action('k', 1);
    const jar = request();
    assert.equal(await action('k', 1), 'ordered');
    assert.deepEqual(jar.values(), { cart: 'cart' });
  });

  it('onResponse sees the outcome as its author knows it', async (t) => {
    const seen = [];
    const onResponse = ({ kind, value, url }) => seen.push([kind, value, url]);
    const redirecting = () => {
      throw signal('NEXT_REDIRECT;push;/done;307;');
    };
    const { action } = counted(t, { onResponse }, setsCart(redirecting));
    for (let n = 0; n < 2; n++) {
      request();
      await assert.rejects(action('k', 1));
    }
    assert.deepEqual(seen, Array(2).fill(['redirect', undefined, '/done']));
  });
});

/** What an attacker may have put into what an action returns. */
const FORGED = {
  'a redirect': {
    'actonce:cookies': [],
    flow: { kind: 'redirect', url: 'https://evil.test', type: 'push', status: 307 },
  },
  'a page': { 'actonce:cookies': [], flow: { kind: 'http', status: 404 } },
  'a cookie': { 'actonce:cookies': [{ name: 'cart', value: 'forged' }], value: 'other' },
  'no cookie': { 'actonce:cookies': [], value: 'other' },
};

for (const [what, forged] of Object.entries(FORGED)) {
  for (const replayCookies of [undefined, ['cart']]) {
    const where = replayCookies === undefined ? 'without' : 'with';
    it(`user data that looks like ${what} of ours replays as data, ${where} replayCookies`, async (t) => {
      const seen = [];
      const onResponse = ({ kind, value }) => seen.push([kind, value]);
      const { action, calls } = counted(t, { replayCookies, onResponse }, () => structuredClone(forged));
      for (let n = 0; n < 3; n++) {
        const jar = request();
        assert.deepEqual(await action('k', 1), forged);
        assert.deepEqual(jar.values(), {});
      }
      assert.deepEqual(seen, Array(3).fill(['value', forged]));
      assert.equal(calls.length, 1);
    });
  }
}

it('what recover found may look like ours as well', async (t) => {
  const forged = FORGED['a redirect'];
  const { action, client } = counted(t, { recover: () => ({ value: forged }) });
  const scope = ['order', 'ann'];
  const timeout = () => Promise.reject(new Error('timeout'));
  await assert.rejects(client.withIdempotency('k', timeout, { scope, onError: 'hold' }));
  await client.resolve({ key: 'k', scope }, { rerun: true });
  for (let n = 0; n < 2; n++) {
    request();
    assert.deepEqual(await action('k', 1), forged);
  }
});

it('a record of an older version, whose cookies lie in the value, is refused and not handed out', async (t) => {
  const { action, calls, client } = counted(t);
  await client.withIdempotency('k', () => FORGED['a cookie'], { scope: ['order', 'ann'] });
  const jar = request();
  await assert.rejects(action('k', 1), { code: 'ERR_RECORD_UNREADABLE', message: /older version/ });
  assert.deepEqual([jar.values(), calls.length], [{}, 0]);
});

describe('E5 a run whose cookies cannot be kept', () => {
  const sealedAfter = (reads) => {
    const jar = new CookieJar();
    const getAll = jar.getAll.bind(jar);
    jar.getAll = () => {
      if (reads-- > 0) return getAll();
      throw signal('DYNAMIC_SERVER_USAGE');
    };
    return jar;
  };

  it('is not run again when reading them fails after it has run', async (t) => {
    const { action, calls } = counted(t);
    // Before the run they are read once to be told apart, and in development once more for the warning; then after it.
    for (const reads of [2, 3]) {
      request(sealedAfter(reads));
      const warned = nextWarning();
      assert.equal(await action(`k${reads}`, 1), 'ordered');
      assert.match((await warned).message, /cookies/);
      request();
      assert.equal(await action(`k${reads}`, 1), 'ordered');
    }
    assert.equal(calls.length, 2);
  });

  it('keeps its value when a cookie cannot be written', async (t) => {
    const { action, calls } = counted(t, {}, () => {
      nextJar().set({ name: 'cart', value: 'c-1', onSet: () => {} });
      return 'ordered';
    });
    request();
    const warned = nextWarning();
    assert.equal(await action('k', 1), 'ordered');
    assert.match((await warned).message, /replayCookies/);
    const jar = request();
    assert.equal(await action('k', 1), 'ordered');
    assert.deepEqual([jar.values(), calls.length], [{}, 1]);
  });

  it('calls onResponse also when the cookies of a replay cannot be set', async (t) => {
    const seen = [];
    const { action } = counted(
      t,
      { onResponse: ({ status }) => seen.push(status) },
      setsCart(() => 'ordered'),
    );
    request();
    await action('k', 1);
    const jar = request();
    jar.set = () => {
      throw new Error('Cookies can only be modified in a Server Action');
    };
    const warned = nextWarning();
    assert.equal(await action('k', 1), 'ordered');
    assert.match((await warned).message, /only be modified/);
    assert.deepEqual(seen, ['executed', 'replayed']);
  });
});

it('E5 in development a run is not undone when its cookies cannot be looked at for the warning', async (t) => {
  const { action, calls } = counted(t, { replayCookies: undefined });
  const jar = new CookieJar();
  let reads = 0;
  jar.getAll = () => {
    if (reads++ === 0) return [];
    throw signal('DYNAMIC_SERVER_USAGE');
  };
  request(jar);
  assert.equal(await action('k', 1), 'ordered');
  request();
  assert.equal(await action('k', 1), 'ordered');
  assert.equal(calls.length, 1);
});
