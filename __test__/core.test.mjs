// Scenarios A: what a call of withIdempotency comes to, on every store.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient, currentIdempotency, isActonceError, withIdempotency } from './support/actonce.mjs';
import { stores } from './support/stores.mjs';

/** An effect whose runs are counted outside of what is tested. */
function counted(work) {
  const fn = async (ctx) => {
    fn.runs++;
    return await work(ctx);
  };
  fn.runs = 0;
  return fn;
}

const scope = ['core', 'user-1'];

for (const store of stores)
  describe(`A. core outcomes [${store.name}]`, () => {
    const clientFor = async (t, more = {}) => {
      const { options } = await store.open();
      const client = createClient({ ...options, ...more });
      t.after(() => client.close());
      return client;
    };

    it('A1 the first call runs fn, returns its value, and leaves a completed record', async (t) => {
      const client = await clientFor(t);
      const fn = counted(() => ({ id: 'ord_1' }));
      assert.deepEqual(await client.withIdempotency('a1', fn, { scope }), { id: 'ord_1' });
      assert.equal(fn.runs, 1);
      const record = await client.inspect({ key: 'a1', scope });
      assert.equal(record.state, 'completed');
      assert.deepEqual(record.outcome, { kind: 'value', value: { id: 'ord_1' } });
    });

    it('A2 the same key again gives an equal value of its own, and says replayed', async (t) => {
      const client = await clientFor(t);
      const fn = counted(() => ({ items: [{ n: 1 }] }));
      const first = await client.withIdempotency('a2', fn, { scope });
      const second = await client.withIdempotency.outcome('a2', fn, { scope });
      assert.deepEqual(second, { status: 'replayed', kind: 'value', attempt: 1, value: first });
      assert.notEqual(second.value, first);
      second.value.items[0].n = 2;
      assert.deepEqual(await client.withIdempotency('a2', fn, { scope }), { items: [{ n: 1 }] });
      assert.equal(fn.runs, 1);
    });

    it('A3 five duplicates one after the other run fn once', async (t) => {
      const client = await clientFor(t);
      const fn = counted(() => Math.random());
      const values = [];
      for (let n = 0; n < 5; n++) values.push(await client.withIdempotency('a3', fn, { scope }));
      assert.equal(fn.runs, 1);
      assert.equal(new Set(values).size, 1);
    });

    it('A4 two keys are independent, and so are two scopes of one key', async (t) => {
      const client = await clientFor(t);
      const fn = counted((ctx) => ctx.key);
      await client.withIdempotency('a4', fn, { scope });
      await client.withIdempotency('a4-other', fn, { scope });
      await client.withIdempotency('a4', fn, { scope: ['core', 'user-2'] });
      await client.withIdempotency('a4', fn);
      assert.equal(fn.runs, 4);
    });

    it('A5 every empty, false or odd value is replayed as itself', async (t) => {
      const client = await clientFor(t);
      const values = [undefined, null, 0, '', false, Number.NaN, -0, [], {}, 0n, '\ud800', { 'a b': undefined }];
      for (const [n, value] of values.entries()) {
        const fn = counted(() => value);
        assert.deepEqual(await client.withIdempotency(`a5-${n}`, fn, { scope }), value);
        const replayed = await client.withIdempotency(`a5-${n}`, fn, { scope });
        assert.deepEqual(replayed, value);
        assert.ok(typeof value === 'object' || Object.is(replayed, value), `value ${n}`);
        assert.equal(fn.runs, 1, `value ${n}`);
      }
    });

    it('A6 an error releases the key by default: the caller gets the thrown value itself, the next call runs', async (t) => {
      const client = await clientFor(t);
      const boom = Object.freeze(new Error('boom'));
      const fn = counted((ctx) => {
        if (ctx.attempt === 1) throw boom;
        return ctx;
      });
      await assert.rejects(client.withIdempotency('a6', fn, { scope }), (error) => error === boom);
      assert.equal((await client.inspect({ key: 'a6', scope })).state, 'released');
      const ctx = await client.withIdempotency('a6', (second) => ({ attempt: second.attempt }), { scope });
      assert.deepEqual(ctx, { attempt: 2 });
    });

    it("A6 with onError 'record' the next call throws an equal error and runs nothing", async (t) => {
      const client = await clientFor(t);
      const boom = new TypeError('boom');
      const fn = counted(() => {
        throw boom;
      });
      const options = { scope, onError: 'record' };
      await assert.rejects(client.withIdempotency('a6-record', fn, options), (error) => error === boom);
      await assert.rejects(client.withIdempotency('a6-record', fn, options), (error) => {
        assert.notEqual(error, boom);
        assert.deepEqual([error.constructor, error.message], [TypeError, 'boom']);
        return true;
      });
      assert.equal(fn.runs, 1);
      assert.equal((await client.inspect({ key: 'a6-record', scope })).state, 'failed');
    });

    it("A6 with onError 'hold' the key is held until somebody resolves it", async (t) => {
      const client = await clientFor(t);
      const fn = counted(() => {
        throw new Error('timeout of the provider');
      });
      await assert.rejects(
        client.withIdempotency('a6-hold', fn, { scope, onCrash: 'hold' }),
        /timeout of the provider/,
      );
      await assert.rejects(client.withIdempotency('a6-hold', fn, { scope }), (error) => {
        assert.ok(isActonceError(error, 'ERR_INDETERMINATE'));
        assert.ok(Math.abs(error.since.getTime() - Date.now()) < 60_000);
        assert.ok(error.fence > 0);
        return true;
      });
      assert.equal(await client.resolve({ key: 'a6-hold', scope }, { value: 'found' }), 'resolved');
      assert.equal(await client.withIdempotency('a6-hold', fn, { scope }), 'found');
      assert.equal(fn.runs, 1);
    });

    it('A6 onError may be a function of the error; one that fails leaves the default', async (t) => {
      const client = await clientFor(t);
      const refused = Object.assign(new Error('card refused'), { final: true });
      const onError = (error) => (error.final ? 'record' : 'release');
      const fails = (error) => async () => {
        throw error;
      };
      await assert.rejects(client.withIdempotency('f1', fails(refused), { scope, onError }), refused);
      await assert.rejects(
        client.withIdempotency('f1', () => 1, { scope }),
        { message: 'card refused', final: true },
      );
      await assert.rejects(client.withIdempotency('f2', fails(new Error('busy')), { scope, onError }), /busy/);
      assert.equal(await client.withIdempotency('f2', () => 'ran', { scope }), 'ran');
      const warned = new Promise((resolve) => process.once('warning', resolve));
      const broken = () => {
        throw new Error('broken policy');
      };
      await assert.rejects(client.withIdempotency('f3', fails(refused), { scope, onError: broken }), refused);
      assert.match((await warned).message, /onError threw: Error: broken policy/);
      assert.equal(await client.withIdempotency('f3', () => 'ran', { scope }), 'ran');
    });

    it('A7 a replayed error keeps name, message, code, digest, cause, fields, and the class that was registered', async (t) => {
      class CardError extends Error {
        name = 'CardError';
      }
      const client = await clientFor(t, { errors: [CardError] });
      const thrown = Object.assign(new CardError('declined', { cause: new RangeError('limit') }), {
        code: 'card_declined',
        digest: 'CARD',
        decline: { reason: 'funds', at: new Date(5) },
      });
      const fn = counted(() => {
        throw thrown;
      });
      const options = { scope, onError: 'record' };
      await assert.rejects(client.withIdempotency('a7', fn, options), (error) => error === thrown);
      await assert.rejects(client.withIdempotency('a7', fn, options), (error) => {
        assert.ok(error instanceof CardError);
        assert.deepEqual(
          [error.name, error.message, error.code, error.digest],
          ['CardError', 'declined', 'card_declined', 'CARD'],
        );
        assert.deepEqual(error.decline, thrown.decline);
        assert.ok(error.cause instanceof RangeError);
        return true;
      });
      assert.equal(fn.runs, 1);
    });

    it('A8 a thrown value that is no Error reaches the caller unchanged', async (t) => {
      const client = await clientFor(t);
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      for (const [n, thrown] of [{ redirect: '/x' }, 'text', undefined, null, 0, Object.freeze({}), proxy].entries()) {
        for (const onError of ['release', 'record', 'hold']) {
          const caught = await client
            .withIdempotency(`a8-${n}-${onError}`, () => Promise.reject(thrown), { scope, onError })
            .then(
              () => assert.fail('it must reject'),
              (error) => ({ error }),
            );
          assert.ok(Object.is(caught.error, thrown), `value ${n}`);
        }
      }
      await assert.rejects(
        client.withIdempotency('a8-1-record', () => 1, { scope }),
        (error) => error === 'text',
      );
    });

    it('A10 fn may return at once, throw at once, or return any thenable', async (t) => {
      const client = await clientFor(t);
      assert.equal(await client.withIdempotency('a10-1', () => 5, { scope }), 5);
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested.
      const thenable = { then: (resolve) => resolve(6) };
      assert.equal(await client.withIdempotency('a10-2', () => thenable, { scope }), 6);
      const boom = new Error('boom');
      const throws = () => {
        throw boom;
      };
      await assert.rejects(client.withIdempotency('a10-3', throws, { scope }), (error) => error === boom);
      await assert.rejects(
        client.withIdempotency('a10-4', function* () {}, { scope }),
        { code: 'ERR_INVALID_ARGUMENT' },
      );
      assert.equal(await client.inspect({ key: 'a10-4', scope }), undefined);
    });

    it('A11 calls of other keys and clients nest, and each replays its own value', async (t) => {
      const outer = await clientFor(t);
      const inner = await clientFor(t);
      const nested = () =>
        outer.withIdempotency(
          'a11',
          async (ctx) => {
            const same = await inner.withIdempotency('a11', () => 'inner', { scope });
            const other = await outer.withIdempotency('a11-other', () => currentIdempotency().key, { scope });
            assert.equal(currentIdempotency(), ctx);
            return ['outer', same, other];
          },
          { scope },
        );
      assert.equal(currentIdempotency(), undefined);
      assert.deepEqual(await nested(), ['outer', 'inner', 'a11-other']);
      assert.deepEqual(await nested(), ['outer', 'inner', 'a11-other']);
      assert.equal(await inner.withIdempotency('a11', () => 'ran', { scope }), 'inner');
      assert.equal(await outer.withIdempotency('a11-other', () => 'ran', { scope }), 'a11-other');
    });

    it('A11 the same key inside its own fn is refused at once, also through another key', async (t) => {
      const client = await clientFor(t);
      const again = () => client.withIdempotency('reentrant', () => 1, { scope });
      const through = () => client.withIdempotency('between', again, { scope });
      for (const inner of [again, through]) {
        const call = client.withIdempotency('reentrant', inner, { scope });
        await assert.rejects(call, { code: 'ERR_REENTRANT', retryable: false });
      }
      let left;
      await client.withIdempotency(
        'reentrant',
        () => {
          left = new Promise((resolve) => setImmediate(resolve)).then(again);
          return 'outer';
        },
        { scope },
      );
      assert.equal(await left, 'outer', 'what fn left behind may use the key once fn has ended');
    });

    it('A13 a call without a key is refused, or let through where the caller says so', async (t) => {
      const client = await clientFor(t);
      const fn = counted((ctx) => ctx.protected);
      await assert.rejects(client.withIdempotency(undefined, fn, { scope }), { code: 'ERR_KEY_MISSING' });
      const key = '';
      assert.equal(await client.withIdempotency(key, fn, { scope, skip: !key }), false);
      assert.equal(fn.runs, 1);
    });

    it('A14 switched off, fn runs each time and nothing is stored', async (t) => {
      const client = await clientFor(t, { defaults: { enabled: false } });
      const fn = counted((ctx) => [ctx.protected, ctx.fence, ctx.attempt, ctx.recovered, ctx.signal.aborted]);
      assert.deepEqual(await client.withIdempotency('a14', fn, { scope }), [false, undefined, 1, false, false]);
      await client.withIdempotency('a14', fn, { scope });
      assert.equal(fn.runs, 2);
      assert.equal(await client.inspect({ key: 'a14', scope }), undefined);
      const derived = (ctx) => ctx.deriveKey('charge');
      assert.equal(
        await client.withIdempotency('a14', derived, { scope }),
        await client.withIdempotency('a14', derived, { scope, enabled: true }),
      );
    });

    it('A15 skip decides per call; a predicate that fails skips nothing', async (t) => {
      const client = await clientFor(t);
      const fn = counted(() => 1);
      await client.withIdempotency('a15', fn, { scope, skip: true });
      await client.withIdempotency('a15', fn, { scope, skip: () => true });
      await client.withIdempotency('a15', fn, { scope, skip: async () => true });
      assert.equal(await client.inspect({ key: 'a15', scope }), undefined);
      const warned = new Promise((resolve) => process.once('warning', resolve));
      const broken = () => {
        throw new Error('broken predicate');
      };
      await client.withIdempotency('a15', fn, { scope, skip: broken });
      assert.match((await warned).message, /skip threw: Error: broken predicate/);
      await client.withIdempotency('a15', fn, { scope, skip: () => false });
      assert.equal(fn.runs, 4);
    });

    it('A15 onResponse is awaited once per caller and alters no outcome', async (t) => {
      const client = await clientFor(t);
      const seen = [];
      const onResponse = async (outcome) => {
        await null;
        seen.push([outcome.status, outcome.kind, outcome.value ?? outcome.error?.message]);
      };
      const options = { scope, onResponse };
      assert.equal(await client.withIdempotency('r1', () => 5, options), 5);
      assert.equal(await client.withIdempotency('r1', () => 6, options), 5);
      await assert.rejects(
        client.withIdempotency('r2', () => Promise.reject(new Error('no')), options),
        /no/,
      );
      await client.withIdempotency('r3', () => 7, { ...options, skip: true });
      await assert.rejects(
        client.withIdempotency('', () => 7, options),
        { code: 'ERR_KEY_MISSING' },
      );
      assert.deepEqual(seen, [
        ['executed', 'value', 5],
        ['replayed', 'value', 5],
        ['executed', 'error', 'no'],
        ['executed', 'value', 7],
      ]);
      const warned = new Promise((resolve) => process.once('warning', resolve));
      const broken = () => Promise.reject(new Error('broken hook'));
      assert.equal(await client.withIdempotency('r1', () => 6, { scope, onResponse: broken }), 5);
      assert.match((await warned).message, /onResponse threw: Error: broken hook/);
    });

    it("A15 Next's redirect() in onResponse reaches this caller only", async (t) => {
      const client = await clientFor(t);
      const redirect = Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;push;/done;307;' });
      const onResponse = () => {
        throw redirect;
      };
      await assert.rejects(
        client.withIdempotency('r4', () => 5, { scope, onResponse }),
        (error) => error === redirect,
      );
      assert.equal(await client.withIdempotency('r4', () => 6, { scope }), 5);
    });
  });

describe('A. the functions imported by name', () => {
  it('use the default client, and its outcome', async () => {
    assert.equal(await withIdempotency('by-name', () => 1, { scope }), 1);
    const outcome = await withIdempotency.outcome('by-name', () => 2, { scope });
    assert.deepEqual(outcome, { status: 'replayed', kind: 'value', attempt: 1, value: 1 });
  });
});
