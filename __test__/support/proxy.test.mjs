// The fault proxy, tested: if it did not lose replies, every fault test would pass for nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import { after, before, describe, it } from 'node:test';
import { eventually } from './eventually.mjs';
import { staysPending } from './pending.mjs';
import { startProxy } from './proxy.mjs';
import { startRedis } from './redis.mjs';
import { connectResp, encode } from './resp.mjs';
import './unhandled.mjs';

describe('proxy', () => {
  let redis;
  let direct;
  before(async () => {
    redis = await startRedis({ listen: 'tcp' });
    direct = await redis.connect();
  });
  after(() => redis.stop());

  async function proxied(t, options) {
    const proxy = await startProxy({ to: redis.target, ...options });
    t.after(() => proxy.close());
    await direct.send('FLUSHALL');
    return { proxy, client: await connectResp(proxy.target) };
  }

  it('passes everything, and counts commands and replies by name, also in a pipeline', async (t) => {
    const { proxy, client } = await proxied(t);
    assert.match(proxy.url, /^redis:\/\/127\.0\.0\.1:\d+$/);
    const big = 'x'.repeat(300_000);
    await Promise.all([client.send('SET', 'a', big), client.send('set', 'b', '2'), client.send('GET', 'a')]);
    assert.equal(await client.send('GET', 'a'), big);
    assert.deepEqual(proxy.requests, { SET: 2, GET: 2 });
    assert.deepEqual(proxy.replies, { SET: 2, GET: 2 });
    assert.equal(proxy.accepted, 1);
  });

  it('listens on a unix socket before a TCP server', async (t) => {
    const { proxy, client } = await proxied(t, { listen: 'unix' });
    assert.match(proxy.url, /^unix:\/\/\//);
    assert.equal(await client.send('PING'), 'PONG');
  });

  it('swallows a reply after the server has applied the command', async (t) => {
    const { proxy, client } = await proxied(t);
    const fault = proxy.fault('swallow-reply', { on: 'INCR' });
    const lost = client.send('INCR', 'n');
    lost.catch(() => {});
    assert.deepEqual(await fault.struck, ['INCR', 'n']);
    assert.equal(await direct.send('GET', 'n'), '1');
    assert.ok(await staysPending(lost));
    const other = await connectResp(proxy.target);
    assert.equal(await other.send('INCR', 'n'), 2);
    assert.equal(fault.hits, 1);
    assert.equal(proxy.replies.INCR, 2);
  });

  it('swallows the nth reply and closes', async (t) => {
    const { proxy, client } = await proxied(t);
    const fault = proxy.fault('swallow-reply-and-close', { on: 'INCR', nth: 2 });
    assert.equal(await client.send('INCR', 'n'), 1);
    await assert.rejects(client.send('INCR', 'n'), /closed/);
    await fault.struck;
    assert.equal(await direct.send('GET', 'n'), '2');
  });

  it('drops a request so that the server never sees it', async (t) => {
    const { proxy, client } = await proxied(t);
    const fault = proxy.fault('drop-request', { on: 'INCR' });
    const first = client.send('GET', 'n');
    const lost = client.send('INCR', 'n');
    lost.catch(() => {});
    assert.equal(await first, null);
    await fault.struck;
    assert.ok(await staysPending(lost));
    assert.equal(await direct.send('GET', 'n'), null);
  });

  it('strikes by the arguments of a command, several times', async (t) => {
    const { proxy, client } = await proxied(t);
    const fault = proxy.fault('garbage', { on: ([name, key]) => name === 'INCR' && key === 'b', times: 2 });
    assert.equal(await client.send('INCR', 'a'), 1);
    await assert.rejects(client.send('INCR', 'b'), /not RESP/);
    const second = await connectResp(proxy.target);
    await assert.rejects(second.send('INCR', 'b'), /not RESP/);
    const third = await connectResp(proxy.target);
    assert.equal(await third.send('INCR', 'b'), 3);
    assert.equal(fault.hits, 2);
  });

  it('cuts a reply after some bytes', async (t) => {
    const { proxy } = await proxied(t);
    await direct.send('SET', 'k', 'value');
    proxy.fault('cut', { on: 'GET', bytes: 6 });
    const raw = await rawExchange(proxy.target, encode(['GET', 'k']));
    assert.equal(raw, '$5\r\nva');
  });

  it('loses one reply, and those behind it move up', async (t) => {
    const { proxy, client } = await proxied(t);
    proxy.fault('lose-reply', { on: 'INCR' });
    const [shifted, unanswered] = [client.send('INCR', 'n'), client.send('GET', 'n')];
    unanswered.catch(() => {});
    assert.equal(await shifted, '1', 'what GET was answered');
    assert.ok(await staysPending(unanswered));
  });

  it('hangs up on a command that the server never sees', async (t) => {
    const { proxy, client } = await proxied(t);
    const fault = proxy.fault('hang-up', { on: 'INCR' });
    await assert.rejects(client.send('INCR', 'n'), /closed/);
    assert.equal(fault.hits, 1);
    assert.equal(await direct.send('GET', 'n'), null);
    const next = await connectResp(proxy.target);
    assert.equal(await next.send('INCR', 'n'), 1);
  });

  it('refuses a command in its place among the replies', async (t) => {
    const { proxy, client } = await proxied(t);
    proxy.fault('refuse', { on: 'INCR', text: 'ERR no room' });
    const [before, refused, behind] = await Promise.all([
      client.send('GET', 'n'),
      client.send('INCR', 'n').catch((error) => error.message),
      client.send('EXISTS', 'n'),
    ]);
    assert.deepEqual([before, refused, behind], [null, 'ERR no room', 0]);
  });

  it('delays one reply and keeps the order of those behind it', async (t) => {
    const { proxy, client } = await proxied(t);
    proxy.fault('delay', { on: 'INCR', ms: 80 });
    const started = performance.now();
    const order = [];
    const note = (name) => () => order.push([name, performance.now() - started > 75]);
    await Promise.all([
      client.send('GET', 'n').then(note('GET')),
      client.send('INCR', 'n').then(note('INCR')),
      client.send('ECHO', 'e').then(note('ECHO')),
    ]);
    assert.deepEqual(order, [
      ['GET', false],
      ['INCR', true],
      ['ECHO', true],
    ]);
  });

  it('delays all replies in the delay mode, a pipeline by one delay in all', async (t) => {
    const { proxy, client } = await proxied(t);
    proxy.mode('delay', { ms: 60 });
    const started = performance.now();
    await Promise.all([client.send('PING'), client.send('PING'), client.send('PING')]);
    const took = performance.now() - started;
    assert.ok(took >= 55 && took < 160, `took ${took} ms`);
  });

  it('is a black hole in both directions, and what was lost stays lost', async (t) => {
    const { proxy, client } = await proxied(t);
    await client.send('PING');
    proxy.mode('black-hole');
    const lost = client.send('INCR', 'n');
    lost.catch(() => {});
    assert.ok(await staysPending(lost));
    assert.equal(await direct.send('GET', 'n'), null);
    proxy.mode('pass');
    assert.ok(await staysPending(lost));
    assert.equal(await (await connectResp(proxy.target)).send('INCR', 'n'), 1);
  });

  it('becomes a black hole at a command', async (t) => {
    const { proxy, client } = await proxied(t);
    const fault = proxy.fault('black-hole', { on: 'SET' });
    const lost = client.send('SET', 'k', 'v');
    lost.catch(() => {});
    await fault.struck;
    assert.ok(await staysPending(lost));
    assert.equal(await direct.send('GET', 'k'), null);
  });

  it('is deaf in one direction only', async (t) => {
    const { proxy, client } = await proxied(t);
    proxy.mode('drop-replies');
    const applied = client.send('INCR', 'n');
    applied.catch(() => {});
    await eventually(async () => (await direct.send('GET', 'n')) === '1');
    assert.ok(await staysPending(applied));
    proxy.mode('drop-requests');
    const unseen = (await connectResp(proxy.target)).send('INCR', 'n');
    unseen.catch(() => {});
    assert.ok(await staysPending(unseen));
    assert.equal(await direct.send('GET', 'n'), '1');
  });

  it('stalls and delivers everything, in order, when the stall is over', async (t) => {
    const { proxy, client } = await proxied(t);
    proxy.mode('stall');
    const both = Promise.all([client.send('INCR', 'n'), client.send('INCR', 'n')]);
    assert.ok(await staysPending(both));
    assert.equal(await direct.send('GET', 'n'), null);
    proxy.mode('pass');
    assert.deepEqual(await both, [1, 2]);
  });

  it('refuses new connections and leaves the open ones', async (t) => {
    const { proxy, client } = await proxied(t);
    proxy.mode('refuse');
    const refused = connectResp(proxy.target).then((second) => second.send('PING'));
    await assert.rejects(refused);
    assert.equal(await client.send('PING'), 'PONG');
  });

  it('cuts every connection, and a server that goes away is seen by the client', async (t) => {
    const { proxy, client } = await proxied(t);
    const waiting = client.send('BLPOP', 'never', 0);
    await eventually(() => proxy.requests.BLPOP === 1);
    proxy.cut();
    await assert.rejects(waiting, /closed|ECONNRESET/);
    const second = await connectResp(proxy.target);
    await second.send('PING');
    await direct.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await assert.rejects(second.send('PING'), /closed/);
  });

  it('keeps commands and replies together around published messages, RESP2 and RESP3', async (t) => {
    for (const protocol of [2, 3]) {
      const { proxy, client } = await proxied(t);
      const messages = [];
      client.onMessage = (message) => messages.push(message);
      await client.send('HELLO', protocol);
      if (protocol === 2) await client.send('SUBSCRIBE', 'c');
      // RESP3 confirms by a push, which is no reply; the next reply belongs to the next command all the same.
      else client.send('SUBSCRIBE', 'c').catch(() => {});
      if (protocol === 3) await eventually(() => messages.length === 1);
      const fault = proxy.fault('drop-message', { on: 'MESSAGE', nth: 2 });
      for (const text of ['one', 'two', 'three']) await direct.send('PUBLISH', 'c', text);
      await fault.struck;
      await eventually(() => messages.at(-1)?.[2] === 'three');
      assert.deepEqual(
        messages.map((message) => message[2]).filter((text) => text !== 1),
        ['one', 'three'],
      );
      assert.equal(proxy.replies.SUBSCRIBE, 1);
      proxy.fault('swallow-reply', { on: 'PING' });
      assert.ok(await staysPending(client.send('PING').catch(() => {})));
      assert.equal(proxy.replies.PING, 1);
    }
  });

  it('has modes, and no faults, before a TLS server', async (t) => {
    const secure = await startRedis({ listen: 'tls' });
    t.after(() => secure.stop());
    const proxy = await startProxy({ to: secure.target });
    t.after(() => proxy.close());
    assert.match(proxy.url, /^rediss:/);
    const client = await connectResp(proxy.target);
    assert.equal(await client.send('PING'), 'PONG');
    proxy.mode('drop-replies');
    assert.ok(await staysPending(client.send('SET', 'k', 'v').catch(() => {})));
    assert.equal(await secure.send('GET', 'k'), 'v');
    assert.throws(() => proxy.fault('cut', { on: 'GET' }), /raw proxy/);
  });

  it('refuses faults and modes that it does not know', async (t) => {
    const { proxy } = await proxied(t);
    assert.throws(() => proxy.mode('slow'), /no mode 'slow'/);
    assert.throws(() => proxy.fault('pass', { on: 'GET' }), /no fault 'pass'/);
  });
});

/** Sends bytes and gives what came back until the connection ended. */
async function rawExchange({ host, port }, bytes) {
  const socket = net.connect({ host, port });
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
