// Scenarios A as one client sees them, on every store. What two of them see, and what is sent, is in outcomes.test.mjs,
// thrown.test.mjs and bypass.test.mjs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient, currentIdempotency, withIdempotency } from '../support/actonce.mjs';
import { stores } from '../support/stores.mjs';

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

    it('A8 a thrown value that cannot be changed or even looked at reaches the caller unchanged', async (t) => {
      const client = await clientFor(t);
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      for (const [n, thrown] of [Object.freeze({}), Object.freeze(new Error('frozen')), proxy].entries()) {
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
