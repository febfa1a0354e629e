// RD4: for seconds there are two primaries, each with clients of its own. The replicas and the Sentinels reach the first one
// through a proxy that goes silent; those who use it directly notice nothing but what it tells them.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldCall } from '../support/held-run.mjs';
import { startProxy } from '../support/proxy.mjs';
import { it } from '../support/steady.mjs';
import { startSentinels } from '../support/topologies.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const scope = 'split';
const executor = process.env.ACTONCE_EXECUTOR ?? 'loop';

/** A group of which the first primary can be cut off from all others, and answers its own clients all the same. */
async function startDivisible(t) {
  let proxy;
  const way = async (primary) => {
    proxy = await startProxy({ to: primary.target, raw: true });
    await primary.send('CONFIG', 'SET', 'replica-announce-port', proxy.target.port);
    return proxy.target;
  };
  const group = await startSentinels({ way });
  t.after(() => Promise.all([group.stop(), proxy.close()]));
  for (const server of group.servers)
    await server.send('CONFIG', 'SET', 'min-replicas-to-write', 1, 'min-replicas-max-lag', 1);
  return { group, proxy };
}

describe('RD4 split brain', { timeout: 180_000 }, () => {
  it('RD4 two primaries: the old one refuses after its lag, the new one has the one effect and the one value', async (t) => {
    const { group, proxy } = await startDivisible(t);
    const c = new Contenders(t, group.primary, { executor, defaults: { leaseMs: 4_000 }, totalTimeoutMs: 1_000 });
    const inside = c.client();
    const outside = () => c.client({ url: group.url(), totalTimeoutMs: 10_000 });
    const held = heldCall(inside, 'held', (ctx) => ctx.assertHeld() ?? c.effect(ctx), { scope });
    const ctx = await held.inside;
    await outside().withIdempotency('warm', c.effect, { scope });

    proxy.mode('black-hole');
    const cutAt = performance.now();
    const codes = [];
    const isDivided = async () => {
      const name = `inside-${codes.length}`;
      codes.push(
        await inside.withIdempotency(name, c.effect, { scope, onDuplicate: 'reject' }).then(
          () => 'ok',
          ({ code }) => code,
        ),
      );
      return codes.at(-1) !== 'ok';
    };
    await eventually(isDivided, { withinMs: 10_000, everyMs: 20, what: 'the old primary refusing' });
    const refusedAfterMs = performance.now() - cutAt;
    assert.equal(codes.at(-1), 'ERR_STORE_UNAVAILABLE');
    assert.ok(refusedAfterMs < 3_500, `${refusedAfterMs} ms`);

    await group.switched(undefined);
    const theirs = eventually(() => outside().withIdempotency(key, c.effect, { scope }), { withinMs: 20_000 });
    for (const until = performance.now() + 2_000; performance.now() < until; await pause(100)) {
      await assert.rejects(inside.withIdempotency(key, c.effect, { scope }), { code: 'ERR_STORE_UNAVAILABLE' });
    }
    assert.deepEqual(await theirs, { by: 1 });
    assert.equal(c.ledger.count(key), 1);
    await eventually(() => ctx.signal.aborted);
    held.letGo();
    assert.equal((await held.result.catch((error) => error)).code, 'ERR_LEASE_LOST');
    assert.deepEqual(await outside().withIdempotency('held', c.effect, { scope, waitTimeoutMs: 10_000 }), { by: 2 });

    proxy.mode('pass');
    const isReplica = async () => (await group.primary.send('ROLE'))[0] === 'slave';
    await eventually(isReplica, { withinMs: 30_000, what: 'the old primary following' });
    for (const [name, attempt] of [
      [key, 1],
      ['held', 2],
    ]) {
      assert.deepEqual(await outside().withIdempotency(name, c.effect, { scope }), { by: attempt });
      assert.equal(c.ledger.count(name), 1);
    }
    // Who goes on asking the old one is told that it is a replica.
    await assert.rejects(inside.withIdempotency(key, c.effect, { scope }), { code: 'ERR_STORE_REFUSED' });
  });
});
