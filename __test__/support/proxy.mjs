// A fault-injecting proxy between a client and a real server, on loopback TCP or a unix socket.
//
// Two kinds of trouble. A *mode* is a state of the whole network and lasts until the next mode. A *fault* waits for one
// command, by name and count, and strikes it once: so a test can say "the reply to the second EVALSHA is lost, after the
// server has executed it". The proxy also counts commands and replies by name, which is what goes over the wire.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { temporaryFolder } from './folder.mjs';
import { Link } from './proxy-link.mjs';

/**
 * pass           everything goes through
 * black-hole     bytes vanish in both directions and connections stay open. What was lost stays lost: a connection that
 *                has met this stays mute after `pass`, as behind a firewall that has forgotten it
 * drop-requests  one-way: only what the client sends vanishes; `drop-replies` the same for the server's bytes
 * stall          bytes are held back and delivered, in order, at the next mode (a partition that heals)
 * delay          replies arrive `ms` later
 * refuse         new connections are reset; the open ones go on
 */
const MODES = ['pass', 'black-hole', 'drop-requests', 'drop-replies', 'stall', 'delay', 'refuse'];

/**
 * drop-request             the command never reaches the server, nor does anything after it on this connection
 * swallow-reply            the server executes it; its reply and all that follows is lost, the connection stays open
 * swallow-reply-and-close  the server executes it; the client's connection ends without the reply
 * black-hole               from this command on, the connection is mute in both directions
 * delay                    the reply comes `ms` later
 * cut                      the first `bytes` bytes of the reply come, then the connection ends
 * garbage                  a byte that is no RESP comes before the reply
 * lose-reply               the server executes it; its reply alone is lost, and those behind it come
 * hang-up                  the command never reaches the server; the connection ends on both sides
 * refuse                   the command never reaches the server; the client gets `-text` in its place
 * drop-message             a published message is lost (`on: 'MESSAGE'`), the rest of the connection goes on
 */
const FAULTS = [
  'drop-request',
  'swallow-reply',
  'swallow-reply-and-close',
  'black-hole',
  'delay',
  'cut',
  'garbage',
  'lose-reply',
  'hang-up',
  'refuse',
  'drop-message',
];

class Fault {
  /** How often it has struck. */
  hits = 0;
  #matched = 0;
  #options;

  constructor(kind, options) {
    this.kind = kind;
    this.ms = options.ms;
    this.bytes = options.bytes;
    this.text = options.text;
    this.#options = options;
    /** Resolves to the command when the fault has first taken effect: for a swallowed reply, when it was swallowed. */
    this.struck = new Promise((resolve) => {
      this.strike = resolve;
    });
  }

  takes(name, args) {
    const { on, nth, times } = this.#options;
    const matches = typeof on === 'function' ? on(args) : on.toUpperCase() === name;
    if (!matches) return false;
    this.#matched += 1;
    if (this.#matched < nth || this.hits >= times) return false;
    this.hits += 1;
    return true;
  }
}

class FaultProxy {
  /** Commands that clients sent and replies that the server gave, by the command's name. */
  requests = {};
  replies = {};
  /** How many connections were ever accepted. */
  accepted = 0;
  #server;
  #to;
  #raw;
  #mode = { kind: 'pass' };
  #faults = [];
  #links = new Set();

  constructor({ server, to, raw, scheme }) {
    this.#server = server;
    this.#to = to;
    this.#raw = raw;
    this.scheme = scheme;
    server.on('connection', (near) => this.#accept(near));
  }

  get target() {
    const address = this.#server.address();
    const place = typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address.port };
    return this.#to.tls ? { ...place, tls: this.#to.tls } : place;
  }

  get url() {
    const { path: socket, host, port } = this.target;
    return socket ? `unix://${socket}` : `${this.scheme}://${host}:${port}`;
  }

  get connections() {
    return this.#links.size;
  }

  /** What the clients that are connected have sent, and were sent. */
  get bytes() {
    const sum = { requests: 0, replies: 0 };
    for (const { bytes } of this.#links) {
      sum.requests += bytes.requests;
      sum.replies += bytes.replies;
    }
    return sum;
  }

  mode(kind, { ms = 0 } = {}) {
    if (!MODES.includes(kind)) throw new Error(`no mode '${kind}': ${MODES.join(', ')}`);
    this.#mode = { kind, ms };
    for (const link of this.#links) link.modeChanged(this.#mode);
  }

  /**
   * @param on a command name, or a function of its arguments
   * @param nth the first match that is struck, counted from now
   * @param times how many matches are struck from there on
   */
  fault(kind, { on, nth = 1, times = 1, ms = 0, bytes = 0, text = 'ERR refused' }) {
    if (!FAULTS.includes(kind)) throw new Error(`no fault '${kind}': ${FAULTS.join(', ')}`);
    if (this.#raw) throw new Error('a raw proxy does not read commands, so it has modes but no faults');
    const fault = new Fault(kind, { on, nth, times, ms, bytes, text });
    this.#faults.push(fault);
    return fault;
  }

  /** No faults, no mode, counts at zero. Connections that are mute stay so. */
  reset() {
    this.#faults = [];
    this.requests = {};
    this.replies = {};
    this.mode('pass');
  }

  /** Ends every open connection at once, on both sides. */
  cut() {
    for (const link of this.#links) link.end();
  }

  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #accept(near) {
    if (this.#mode.kind === 'refuse') {
      near.on('error', () => {});
      return typeof this.#server.address() === 'string' ? near.destroy() : near.resetAndDestroy();
    }
    this.accepted += 1;
    const { tls: _, ...address } = this.#to;
    const link = new Link({
      near,
      far: net.connect(address),
      raw: this.#raw,
      mode: this.#mode,
      onRequest: (name, args) => {
        this.requests[name] = (this.requests[name] ?? 0) + 1;
        return this.#faultFor(name, args);
      },
      onReply: (name) => {
        this.replies[name] = (this.replies[name] ?? 0) + 1;
      },
      onMessage: (name, items) => this.#faultFor(name, items),
      onEnd: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }

  /** All see the command, so that each counts; the first that takes it strikes. */
  #faultFor(name, args) {
    return this.#faults.filter((fault) => fault.takes(name, args))[0];
  }
}

/**
 * @param to what to stand before: the `target` of startRedis
 * @param listen 'tcp' or 'unix'; by default the kind of address that the server has
 * Before a TLS server the proxy cannot read commands: it has modes then, but no faults and no counts.
 */
export async function startProxy({ to, listen = to.path ? 'unix' : 'tcp', raw = Boolean(to.tls) }) {
  const server = net.createServer({ noDelay: true });
  const socket = listen === 'unix' ? path.join(temporaryFolder('proxy'), 's') : undefined;
  const place = socket ? { path: socket } : { host: '127.0.0.1', port: 0 };
  await new Promise((resolve, reject) => server.once('error', reject).listen(place, resolve));
  if (socket) fs.chmodSync(socket, 0o700);
  return new FaultProxy({ server, to, raw, scheme: to.tls ? 'rediss' : 'redis' });
}
