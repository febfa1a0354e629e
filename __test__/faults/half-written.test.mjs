// A server reads slowly, and the connection ends in the middle of a large outcome. What the socket had taken is lost with
// the connection, and the next connection starts at the beginning of the outcome.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { describe } from 'node:test';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const MEGABYTE = 1_000_000;

/**
 * A way to the server that reads in small bites. It ends a connection that has taken as many bytes as the first of `cuts`
 * says, then one that has taken as many as the next; after that it passes everything.
 */
async function slowWay(t, redis, cuts) {
  const socket = path.join(temporaryFolder('slow'), 's');
  const left = [...cuts];
  const server = net.createServer((near) => {
    const far = net.connect(redis.target);
    for (const end of [near, far]) {
      end.on('error', () => {});
      end.on('close', () => (end === near ? far : near).destroy());
    }
    far.pipe(near);
    let taken = 0;
    near.on('data', (bite) => {
      taken += bite.length;
      if (taken > left[0]) {
        left.shift();
        near.destroy();
        return;
      }
      far.write(bite);
      if (left.length === 0 || taken < 50_000) return;
      near.pause();
      setTimeout(() => near.resume(), 2);
    });
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  t.after(() => server.close());
  return { url: `unix://${socket}`, left };
}

for (const executor of EXECUTORS) {
  describe(`RB16 an outcome that is half written when its connection ends · redis×${executor}`, {
    timeout: 60_000,
  }, () => {
    for (const [what, cuts] of [
      ['once', [2 * MEGABYTE]],
      ['twice, at another place', [MEGABYTE, 2 * MEGABYTE]],
    ]) {
      it(`${what}: it is recorded, whole, and no other call is disturbed`, async (t) => {
        const redis = await startRedis();
        t.after(() => redis.stop());
        const options = { executor, defaults: { leaseMs: 10_000, maxResultBytes: 8 * MEGABYTE } };
        const c = new Contenders(t, redis, options);
        const way = await slowWay(t, redis, cuts);
        const client = c.client({ url: way.url });
        const value = Array.from({ length: 400_000 }, (_, n) => `line ${n}`).join('\n');
        const large = client.withIdempotency('large', () => value);
        const small = Array.from({ length: 20 }, (_, n) => client.withIdempotency(`small-${n}`, () => n));
        assert.deepEqual(await Promise.all(small), [...Array(20).keys()]);
        assert.ok((await large) === value);
        assert.ok(!client.told.includes('store-error') && !client.told.includes('result-unrecorded'), `${client.told}`);
        assert.deepEqual(way.left, [], 'every cut struck');
        assert.ok((await c.client().withIdempotency('large', () => 'ran again')) === value);
      });
    }
  });
}
