// One connection through the proxy: reads commands and replies, and lets trouble happen to them.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Push, parse } from './resp.mjs';

/** Splits a byte stream into RESP values; without a parser each chunk is one nameless frame. */
export class Frames {
  #rest = Buffer.alloc(0);
  #raw;

  constructor(raw) {
    this.#raw = raw;
  }

  *split(chunk) {
    if (this.#raw) return yield { bytes: chunk };
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let read = parse(this.#rest); read; read = parse(this.#rest)) {
      const bytes = this.#rest.subarray(0, read.end);
      this.#rest = this.#rest.subarray(read.end);
      yield { value: read.value, bytes };
    }
  }
}

/** One direction: keeps the order of what passes while a part of it waits. */
class Lane {
  /** Everything from now on vanishes. */
  mute = false;
  #socket;
  #held;
  #last = Promise.resolve();
  #waiting = 0;

  constructor(socket) {
    this.#socket = socket;
  }

  hold() {
    this.#held ??= [];
  }

  release() {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.pass(bytes);
  }

  pass(bytes, delayMs = 0) {
    if (this.mute) return;
    if (this.#held) return this.#held.push(bytes);
    // Without anything to wait for, the bytes go at once: the proxy adds no turn of the loop of its own.
    if (delayMs === 0 && this.#waiting === 0) return this.#socket.write(bytes);
    const due = performance.now() + delayMs;
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      await pause(Math.max(0, due - performance.now()));
      this.#waiting -= 1;
      if (!this.mute) this.#socket.write(bytes);
    });
  }

  /** Ends the socket behind what is still waiting. */
  end() {
    if (this.#waiting === 0) return this.#socket.destroySoon();
    this.#last.then(() => this.#socket.destroySoon());
  }
}

const isPublished = (name) => ['MESSAGE', 'PMESSAGE', 'SMESSAGE', 'INVALIDATE'].includes(name);
const isSubscription = (name) => name.endsWith('SUBSCRIBE');

/** Published messages and confirmations come as pushes in RESP3 and as plain arrays in RESP2. */
function pushName(value) {
  const items = value instanceof Push ? value.items : value;
  return Array.isArray(items) && typeof items[0] === 'string' ? items[0].toUpperCase() : '';
}

export class Link {
  #near;
  #far;
  #mode;
  #toServer;
  #toClient;
  #hooks;
  /** The commands whose replies are to come, in order. */
  #awaited = [];

  constructor({ near, far, raw, mode, onRequest, onReply, onMessage, onEnd }) {
    this.#near = near;
    this.#far = far;
    this.#hooks = { onRequest, onReply, onMessage };
    this.#toServer = new Lane(far);
    this.#toClient = new Lane(near);
    this.modeChanged(mode);
    const requests = new Frames(raw);
    const replies = new Frames(raw);
    near.on('data', (chunk) => this.#each(requests.split(chunk), (frame) => this.#request(frame)));
    far.on('data', (chunk) => this.#each(replies.split(chunk), (frame) => this.#reply(frame)));
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('close', () => {
      far.destroy();
      onEnd();
    });
    // Behind a link that swallows replies the client learns nothing, not even that the server has hung up.
    far.on('close', () => this.#toClient.mute || this.#toClient.end());
  }

  modeChanged(mode) {
    this.#mode = mode;
    const { kind } = mode;
    if (kind === 'black-hole' || kind === 'drop-requests') this.#toServer.mute = true;
    if (kind === 'black-hole' || kind === 'drop-replies') this.#toClient.mute = true;
    for (const lane of [this.#toServer, this.#toClient]) kind === 'stall' ? lane.hold() : lane.release();
  }

  end() {
    this.#toServer.mute = true;
    this.#toClient.mute = true;
    this.#near.destroy();
    this.#far.destroy();
  }

  /** What the client has sent, and what it was sent. */
  get bytes() {
    return { requests: this.#near.bytesRead, replies: this.#near.bytesWritten };
  }

  #each(frames, act) {
    try {
      for (const frame of frames) act(frame);
    } catch {
      // Not RESP: nothing that a test could ask for is left on this connection.
      this.end();
    }
  }

  #request({ value, bytes }) {
    if (!Array.isArray(value)) return this.#toServer.pass(bytes);
    const name = String(value[0]).toUpperCase();
    const fault = this.#hooks.onRequest(name, value);
    if (fault?.kind === 'drop-request' || fault?.kind === 'black-hole') {
      this.#toServer.mute = true;
      this.#toClient.mute ||= fault.kind === 'black-hole';
      fault.strike(value);
    }
    if (fault?.kind === 'hang-up') {
      fault.strike(value);
      this.end();
    }
    if (this.#toServer.mute) return;
    // SUBSCRIBE is confirmed once per channel.
    const left = isSubscription(name) ? Math.max(1, value.length - 1) : 1;
    this.#awaited.push({ name, args: value, fault, left });
    if (fault?.kind === 'refuse') this.#refuse();
    else this.#toServer.pass(bytes);
  }

  /** In the place that the reply would have. */
  #refuse() {
    while (this.#awaited[0]?.fault?.kind === 'refuse') {
      const { fault, args } = this.#awaited.shift();
      this.#toClient.pass(Buffer.from(`-${fault.text}\r\n`));
      fault.strike(args);
    }
  }

  #reply({ value, bytes }) {
    const delayMs = this.#mode.kind === 'delay' ? this.#mode.ms : 0;
    if (value === undefined) return this.#toClient.pass(bytes, delayMs);
    const push = pushName(value);
    if (isPublished(push)) return this.#message(push, value, bytes, delayMs);
    const awaited = this.#awaited[0];
    const isConfirmation = awaited && isSubscription(awaited.name) && push === awaited.name;
    if (!awaited || (value instanceof Push && !isConfirmation)) return this.#toClient.pass(bytes, delayMs);
    awaited.left -= 1;
    if (awaited.left > 0) return this.#toClient.pass(bytes, delayMs);
    this.#awaited.shift();
    this.#hooks.onReply(awaited.name);
    this.#strike(awaited, bytes, delayMs);
    this.#refuse();
  }

  #strike({ fault, args }, bytes, delayMs) {
    switch (fault?.kind) {
      case 'swallow-reply':
        this.#toClient.mute = true;
        break;
      case 'swallow-reply-and-close':
        this.#toClient.end();
        break;
      case 'lose-reply':
        break;
      case 'cut':
        this.#toClient.pass(bytes.subarray(0, fault.bytes));
        this.#toClient.end();
        break;
      case 'garbage':
        this.#toClient.pass(Buffer.concat([Buffer.from([0]), bytes]));
        break;
      case 'delay':
        this.#toClient.pass(bytes, fault.ms);
        break;
      default:
        this.#toClient.pass(bytes, delayMs);
    }
    fault?.strike(args);
  }

  #message(name, value, bytes, delayMs) {
    const items = value instanceof Push ? value.items : value;
    const fault = this.#hooks.onMessage(name, items);
    if (fault) fault.strike(items);
    if (fault?.kind === 'drop-message') return;
    this.#toClient.pass(bytes, fault?.kind === 'delay' ? fault.ms : delayMs);
  }
}
