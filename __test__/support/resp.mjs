// A tiny RESP client: one command, one parsed reply. Tests plant and read records with it, and proxy.mjs reads both
// directions of a connection with its parser, RESP2 and RESP3.
import net from 'node:net';
import tls from 'node:tls';

export class RespError extends Error {
  constructor(text) {
    super(text);
    this.name = 'RespError';
    this.code = text.split(' ', 1)[0];
  }
}

/** A RESP3 value outside of the order of replies: a published message, an invalidation. */
export class Push {
  constructor(items) {
    this.items = items;
  }
}

const LINE = {
  '+': (text) => text,
  '-': (text) => new RespError(text),
  ':': Number,
  '#': (text) => text === 't',
  ',': Number,
  '(': BigInt,
  _: () => null,
};

/** How many values follow the head of an aggregate, and what they become. */
const AGGREGATE = {
  '*': [1, (items) => items],
  '~': [1, (items) => new Set(items)],
  '>': [1, (items) => new Push(items)],
  '%': [2, (items) => new Map(Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]]))],
};

/**
 * Reads the value that starts at `at`: `{ value, end }`, or undefined while bytes are missing.
 * Throws when the bytes are no RESP: the two ends have lost each other.
 */
export function parse(buffer, at = 0) {
  const lineEnd = buffer.indexOf('\r\n', at);
  if (lineEnd === -1) {
    if (at < buffer.length && !/[-+:#,(_*~>%$!=|]/.test(String.fromCharCode(buffer[at]))) throw notResp(buffer, at);
    return undefined;
  }
  const type = String.fromCharCode(buffer[at]);
  const text = buffer.toString('utf8', at + 1, lineEnd);
  const next = lineEnd + 2;
  if (type in LINE) return { value: LINE[type](text), end: next };
  if (type === '$' || type === '!' || type === '=') return parseBulk(buffer, type, Number(text), next);
  if (type === '|') return parseAttributed(buffer, Number(text), next);
  if (!(type in AGGREGATE)) throw notResp(buffer, at);
  if (Number(text) === -1) return { value: null, end: next };
  const [each, build] = AGGREGATE[type];
  const read = parseMany(buffer, Number(text) * each, next);
  return read && { value: build(read.items), end: read.end };
}

function parseBulk(buffer, type, length, next) {
  if (length === -1) return { value: null, end: next };
  const end = next + length + 2;
  if (buffer.length < end) return undefined;
  const text = buffer.toString('utf8', next, end - 2);
  if (type === '!') return { value: new RespError(text), end };
  // A verbatim string starts with its format, `txt:`.
  return { value: type === '=' ? text.slice(4) : text, end };
}

/** Attributes go before the value that they describe; nobody here asks for them. */
function parseAttributed(buffer, pairs, next) {
  const attributes = parseMany(buffer, pairs * 2, next);
  return attributes && parse(buffer, attributes.end);
}

function parseMany(buffer, count, next) {
  const items = [];
  let end = next;
  while (items.length < count) {
    const read = parse(buffer, end);
    if (!read) return undefined;
    items.push(read.value);
    end = read.end;
  }
  return { items, end };
}

function notResp(buffer, at) {
  return new Error(`not RESP: ${JSON.stringify(buffer.toString('latin1', at, at + 20))}`);
}

export function encode(args) {
  const parts = args.map((arg) => (Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))));
  const chunks = parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]);
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...chunks]);
}

export class RespClient {
  /** Called with what no command asked for: published messages, MONITOR's lines. */
  onMessage = () => {};
  #socket;
  #received = Buffer.alloc(0);
  #waiting = [];

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** Sends one command; numbers become text, a Buffer goes as it is. Rejects with RespError when the server says so. */
  send(...args) {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection is closed'));
      this.#waiting.push({ resolve, reject });
      this.#socket.write(encode(args));
    });
  }

  close() {
    this.#socket.destroy();
  }

  #read(chunk) {
    this.#received = Buffer.concat([this.#received, chunk]);
    try {
      for (let read = parse(this.#received); read; read = parse(this.#received)) {
        this.#received = this.#received.subarray(read.end);
        this.#deliver(read.value);
      }
    } catch (error) {
      this.#socket.destroy(error);
    }
  }

  #deliver(value) {
    if (value instanceof Push) return this.onMessage(value.items);
    const waiting = this.#waiting.shift();
    if (!waiting) return this.onMessage(value);
    if (value instanceof RespError) return waiting.reject(value);
    waiting.resolve(value);
  }

  #fail(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** @param target `{ path }`, `{ host, port }`, or either with `tls: { ca, cert, key }` as PEM texts */
export function connectResp(target) {
  return new Promise((resolve, reject) => {
    const { tls: certificates, ...address } = target;
    const secure = certificates && { ...address, ...certificates, servername: 'localhost' };
    const socket = secure ? tls.connect(secure) : net.connect(address);
    socket.setNoDelay?.(true);
    socket.once('error', reject);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.off('error', reject);
      resolve(new RespClient(socket));
    });
  });
}
