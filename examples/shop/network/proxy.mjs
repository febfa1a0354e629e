// The faulty network between browser and shop: a TCP proxy. It passes everything on untouched, except the answers to
// Server Actions, which suffer the fault that is switched on. `/network` on the same port is its switch and its log.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { readRequests } from './requests.mjs';

const SLOW_MS = 3000;
const upstreamPort = Number(process.env.SHOP_PORT);
const posts = []; // each POST of a Server Action that went to the shop, newest last
const POSTS_SHOWN = 60;
const seen = new Set();
const UNDER_WAY = '… under way';
const GIVEN_UP = '✕ nobody waited for the answer';
let mode = 'drop'; // the one that surprises most

/**
 * What each mode does with one Server Action request. `send(sender, onAnswer)` sends it to the shop, once per call, and
 * gives the line that the page shows of it; its `fate` is told when it has met it.
 */
const MODES = {
  normal({ send, client }, sender = 'your click') {
    const post = send(sender, (chunk) => {
      post.fate = '✓ answered';
      client.write(chunk);
    });
  },

  // The answer is lost. On a reused connection Chromium then sends the request again, without telling anyone.
  drop(link) {
    const { request, reused, send, client } = link;
    if (isRepeat(request)) return MODES.normal(link, 'Chromium itself');
    // On a fresh connection the browser would not send again, but show an error.
    if (!reused) return MODES.normal(link);
    const post = send('your click', () => {
      post.fate = '✕ answer lost';
      client.destroy();
    });
  },

  // An edge proxy hears no answer from its upstream and tries again: two requests, one after the other.
  retry(link) {
    const again = once(() => MODES.normal(link, 'the edge, again'));
    const post = link.send('your click', () => {
      post.fate = '✕ answer lost';
      again();
    });
  },

  // An edge proxy hedges: two copies at once, the first answer counts.
  together({ send, client }) {
    let winner;
    const copy = (sender) => {
      const post = send(sender, (chunk) => {
        winner ??= post;
        post.fate = winner === post ? '✓ answered first' : '✕ answered too late';
        if (winner === post) client.write(chunk);
      });
    };
    copy('your click');
    copy('the edge, a copy');
  },

  slow({ send, client }) {
    const post = send('your click', (chunk) => {
      post.fate = `… the answer takes ${SLOW_MS / 1000} s`;
      setTimeout(() => {
        post.fate = client.destroyed ? GIVEN_UP : '✓ answered late';
        client.write(chunk);
      }, SLOW_MS);
    });
  },
};

/** A request is known by its bytes: a browser's own repetition is the same to the last one. */
function isRepeat({ bytes }) {
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (seen.has(digest)) return true;
  seen.add(digest);
  return false;
}

/** The idempotency key in the form that was sent. */
function keyOf({ body }) {
  return /idempotency-key"\s+([\w-]+)/.exec(body)?.[1];
}

function once(callback) {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    callback();
  };
}

const server = net.createServer({ noDelay: true }, (client) => {
  let served = 0;
  const sent = [];
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
    if (!request.isAction) return exchange(request.bytes, (chunk) => client.write(chunk));
    const send = (sender, onAnswer) => {
      const post = { id: posts.length, key: keyOf(request), sender, fate: UNDER_WAY };
      posts.push(post);
      sent.push(post);
      exchange(request.bytes, onAnswer);
      return post;
    };
    MODES[mode]({ request, reused, send, client });
  });

  client.on('close', () => {
    for (const post of sent) if (post.fate === UNDER_WAY) post.fate = GIVEN_UP;
    for (const upstream of upstreams) upstream.destroy();
  });
  client.on('error', () => client.destroy());
});

/** `PUT /network` with the mode's name sets it; every answer says what is set, and what became of the last POSTs. */
function operate({ method, body }, client) {
  const known = Object.hasOwn(MODES, body);
  if (method === 'PUT' && known) mode = body;
  const json = JSON.stringify({ mode, posts: posts.slice(-POSTS_SHOWN) });
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
