// The faulty network between browser and shop: a TCP proxy. It passes everything on untouched, except the answers to
// Server Actions, which suffer the fault that is switched on. `/network` on the same port is its switch and its log.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { readRequests } from './requests.mjs';

const SLOW_MS = 3000;
const upstreamPort = Number(process.env.SHOP_PORT);
const wire = []; // what happened to each Server Action request, newest last
const seen = new Set();
let mode = 'normal';

/** What each mode does with one Server Action request. `exchange(bytes, onAnswer)` sends it to the shop once. */
const MODES = {
  normal({ request, exchange, client }) {
    exchange(request.bytes, (chunk) => client.write(chunk));
    return 'passed on';
  },

  // The answer is lost. On a reused connection Chromium then sends the request again, without telling anyone.
  drop(link) {
    const { request, reused, exchange, client } = link;
    if (isRepeat(request)) return `${MODES.normal(link)}: sent again by the browser`;
    if (!reused) return `${MODES.normal(link)}: a fresh connection, on which the browser would not repeat`;
    exchange(request.bytes, () => client.destroy());
    return 'the answer was dropped';
  },

  // An edge proxy hears no answer from its upstream and tries again: two requests, one after the other.
  retry({ request, exchange, client }) {
    const again = () => exchange(request.bytes, (chunk) => client.write(chunk));
    exchange(request.bytes, once(again));
    return 'the answer was lost at the edge, which sent the request again';
  },

  // An edge proxy hedges: two copies at once, the first answer counts.
  together({ request, exchange, client }) {
    let winner;
    for (const copy of [1, 2]) {
      exchange(request.bytes, (chunk) => {
        winner ??= copy;
        if (winner === copy) client.write(chunk);
      });
    }
    return 'sent twice at once';
  },

  slow({ request, exchange, client }) {
    exchange(request.bytes, (chunk) => setTimeout(() => client.write(chunk), SLOW_MS));
    return `the answer takes ${SLOW_MS / 1000} s longer`;
  },
};

/** A request is known by its bytes: a browser's own repetition is the same to the last one. */
function isRepeat({ bytes }) {
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (seen.has(digest)) return true;
  seen.add(digest);
  return false;
}

function once(callback) {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    callback();
  };
}

let connections = 0;
const server = net.createServer({ noDelay: true }, (client) => {
  connections += 1;
  const connection = connections;
  let served = 0;
  const upstreams = new Set();

  /** Each request goes to the shop on a connection of its own, which is closed when the browser asks for more. */
  function exchange(bytes, onAnswer) {
    const upstream = net.connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true });
    upstreams.add(upstream);
    upstream.on('data', onAnswer);
    upstream.on('error', () => {}); // 'close' follows
    upstream.on('close', () => {
      upstreams.delete(upstream);
      if (upstream.bytesRead === 0) client.destroy();
    });
    upstream.write(bytes);
  }

  readRequests(client, (request) => {
    const reused = served > 0;
    served += 1;
    if (request.path.startsWith('/network')) return operate(request, client);
    for (const upstream of upstreams) upstream.destroy();
    const link = { request, reused, exchange, client };
    if (!request.isAction) return MODES.normal(link);
    const entry = { atMs: Date.now(), connection, reused, what: '' };
    wire.push(entry);
    entry.what = MODES[mode](link);
  });

  client.on('close', () => {
    for (const upstream of upstreams) upstream.destroy();
  });
  client.on('error', () => client.destroy());
});

/** `PUT /network` with the mode's name sets it; every answer says what is set and what happened lately. */
function operate({ method, body }, client) {
  const known = Object.hasOwn(MODES, body);
  if (method === 'PUT' && known) mode = body;
  const json = JSON.stringify({ mode, wire: wire.slice(-6) });
  const status = method === 'PUT' && !known ? '400 Bad Request' : '200 OK';
  client.write(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\n` +
      `content-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  );
}

/** The wished-for port, or the next free one. */
function listen(port) {
  server.once('error', (error) => {
    if (error.code !== 'EADDRINUSE') throw error;
    listen(port + 1);
  });
  server.listen(port, '127.0.0.1', () => process.send?.({ port: server.address().port }));
}

listen(Number(process.env.PORT ?? 3000));
process.on('disconnect', () => process.exit());
