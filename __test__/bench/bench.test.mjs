// What the benchmark's figures rest on: its arithmetic, its longer way to Redis, and a chart that can be read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import '../support/unhandled.mjs';
import { freshCallsChart } from '../../bench/chart.mjs';
import { ACTONCE, CONTESTANTS } from '../../bench/contestants.mjs';
import { startDelayProxy } from '../../bench/delay-proxy.mjs';
import { percentile } from '../../bench/meter.mjs';
import { resultOf } from '../../bench/order.mjs';
import { Samples } from '../../bench/samples.mjs';

test('a result is as long as it is meant to be', () => {
  for (const bytes of [100, 250, 10_000, 1_000_000]) assert.equal(JSON.stringify(resultOf(bytes)).length, bytes);
});

test('a percentile says nothing about fewer calls than it takes', () => {
  const thousand = Array.from({ length: 1000 }, (_, n) => n + 1);
  assert.equal(percentile(thousand, 0.5), 500);
  assert.equal(percentile(thousand, 0.99), 990);
  assert.equal(percentile(thousand, 0.999), 999);
  assert.equal(percentile(thousand.slice(0, 999), 0.999), undefined);
});

test('a ratio is taken within each round, against the best of it', () => {
  const samples = new Samples();
  const rounds = [
    [10, 20, 40],
    [100, 400, 200],
    [30, 300, 400],
  ];
  for (const [ours, first, second] of rounds) {
    samples.addAt('fresh1', ACTONCE, { cpuUs: ours });
    samples.addAt('fresh1', 'first', { cpuUs: first });
    samples.addAt('fresh1', 'second', { cpuUs: second });
  }
  assert.equal(samples.ratio(ACTONCE, 'fresh1.cpuUs', ['first', 'second']), 0.5);
  assert.equal(samples.ratio(ACTONCE, 'fresh1.cpuUs', ['first', 'second'], Math.max), 0.25);
  assert.equal(samples.ratio(ACTONCE, 'fresh1.opsPerSecond', ['first', 'second']), undefined);
});

test('every line of the chart has its label, and labels do not touch', () => {
  const samples = new Samples();
  // Most end at nearly the same place, which is where labels meet.
  for (const [n, { name }] of CONTESTANTS.entries()) {
    for (const inFlight of [1, 64, 4096])
      samples.addAt(`fresh${inFlight}`, name, { cpuUs: 20 + n / 10, opsPerSecond: 1e4 * (n + 1) });
  }
  const panels = freshCallsChart(samples, ['Redis', 'commit']).split('<g transform').slice(1);
  assert.equal(panels.length, 2);
  for (const panel of panels) {
    const labels = [...panel.matchAll(/class="name" x="[\d.]+" y="(-?[\d.]+)"[^>]*>([^<]+)</g)];
    assert.deepEqual(new Set(labels.map(([, , name]) => name)), new Set(CONTESTANTS.map(({ name }) => name)));
    const places = labels.map(([, y]) => Number(y)).sort((a, b) => a - b);
    for (const [n, place] of places.entries()) assert.ok(n === 0 || place - places[n - 1] > 14);
  }
});

test('the longer way keeps every byte in its order and takes the time it is told', async (t) => {
  const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  t.after(() => echo.close());
  await once(echo, 'listening');
  const proxy = await startDelayProxy({ host: '127.0.0.1', port: echo.address().port });
  t.after(() => proxy.stop());
  const socket = net.connect({ host: '127.0.0.1', port: Number(new URL(proxy.url).port) });
  t.after(() => socket.destroy());
  for (const delayMs of [20, 0.5]) {
    await proxy.delay(delayMs);
    const sent = Buffer.from(Uint32Array.from({ length: 250_000 }, (_, n) => n).buffer);
    const begun = performance.now();
    const { received, firstAt } = await new Promise((resolve) => collect(socket, sent.length, resolve).write(sent));
    assert.ok(received.equals(sent));
    const firstMs = firstAt - begun;
    assert.ok(firstMs >= delayMs, `came back after ${firstMs} ms of ${delayMs}`);
  }
});

/** @param done of so many bytes, and when the first of them came */
function collect(socket, length, done) {
  const chunks = [];
  let firstAt;
  const take = (chunk) => {
    firstAt ??= performance.now();
    chunks.push(chunk);
    const received = Buffer.concat(chunks);
    if (received.length < length) return;
    socket.off('data', take);
    done({ received, firstAt });
  };
  return socket.on('data', take);
}
