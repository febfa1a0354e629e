// A server that shakes hands like Redis and answers by a seed: mostly hostile contents in the right shape, else the wrong
// shape, no protocol at all, too much of it, too often, or nothing.
import net from 'node:net';
import { encode, parse } from './resp.mjs';

/** `mulberry32`: the same choices for the same seed. */
export function seeded(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return { below, pick: (list) => list[below(list.length)] };
}

const HELLO = '%3\r\n+server\r\n+redis\r\n+version\r\n+7.4.0\r\n+role\r\n+master\r\n';
const FENCES = ['1763900000000000', '8999999999999999', '9999999999999999', '0000000000000000', '-1', '1e9', ''];
const NUMBERS = ['1', '0', '-1', '999999999999999', '99999999999999999999', '4.5', 'NaN', '', '\0'];
const PAYLOADS = [
  '',
  'j{"a":1}',
  '{"a":{"__proto__":{"admin":true}}}',
  'D[["Uint8Array",1,0,1000000000],["ArrayBuffer","QUJD"]]',
  '['.repeat(10_000),
  `D[${'[1],'.repeat(1_000)}0]`,
  '\uD800\0\r\n%s',
  Buffer.from([0xff, 0xfe, 0x00, 0x80]),
  'x'.repeat(100_000),
];
const OWNER = 'AAAABBBBCCCCDDDD';
const WORDS = ['acquired', 'in_progress', 'replay', 'done', 'stale', 'lost', 'unreadable', 'moved', 'instance', ''];
const ERRORS = [
  'ERR no',
  'NOSCRIPT gone',
  'OOM full',
  'READONLY no',
  'LOADING',
  'BUSY',
  'MOVED 1 a:1',
  'WRONGTYPE',
  'X',
];

const bulk = (text) => {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
};

const field = ({ below, pick }) => pick([FENCES, NUMBERS, NUMBERS, PAYLOADS])[below(7)];

function record({ below, pick }) {
  const header = `${pick(['1', '1', '1', '2', ''])}${pick([...'PIRCFX'])}${pick(FENCES)}${OWNER}${'-'.repeat(22)}${below(9)}`;
  const numbers = Array.from({ length: 2 + below(2) }, () => pick(NUMBERS)).join(' ');
  return `${header}${pick(NUMBERS)} ${pick([numbers, pick(PAYLOADS)])}`;
}

/** Of the kind that the command has, with hostile contents: the connection outlives most of these. */
function fitting([name, , keys], random) {
  const { below, pick } = random;
  if (name === 'SET' || name === 'GET') return pick([() => '_\r\n', () => bulk(record(random))])();
  if (name === 'PTTL') return `:${pick(['-1', '-2', '5', '9223372036854775807'])}\r\n`;
  if (name === 'SUBSCRIBE' || name === 'UNSUBSCRIBE') return '-NOPERM no\r\n';
  const fence = pick(FENCES.slice(0, 4));
  const number = pick(below(10) > 0 ? ['1', '0', '42', '999999999999999'] : NUMBERS);
  const snapshot = [pick(['a', 'b', 'x', '__proto__']), number, number, pick(['', '5']), pick(PAYLOADS)];
  const ofMachine = [
    [pick(['moved', 'replayed']), 'a', ...snapshot],
    ['instance', ...snapshot, '0', '1'],
    ['illegal', 'a', number],
    ['conflict', 'x', number],
    ['absent'],
  ];
  const ofRecord = [
    ['acquired', fence, number, pick(['0', '1'])],
    ['in_progress', fence, number],
    [pick(['replay', 'replay_error', 'released']), fence, number, pick(PAYLOADS)],
    [pick(['stale', 'mismatch']), fence],
    ['indeterminate', fence, number],
    ['unreadable', pick(['version', 'malformed', 'no_expiry'])],
    [pick(['done', 'lost', 'settled'])],
  ];
  return encode(pick(keys === '3' ? ofMachine : ofRecord));
}

/** No answer to anything. */
function nonsense(random) {
  const { below, pick } = random;
  const kinds = [
    () => encode([pick(WORDS), ...Array.from({ length: below(9) }, () => field(random))]),
    () => bulk(pick([record(random), pick(PAYLOADS), pick(WORDS)])),
    () => `:${pick(NUMBERS)}\r\n`,
    () => pick(['+OK\r\n', '_\r\n', '$-1\r\n', '*-1\r\n', '#t\r\n', ',1.5\r\n', '%1\r\n+a\r\n:1\r\n', '~1\r\n:1\r\n']),
    () => `-${pick(ERRORS)}\r\n`,
    () => `>3\r\n+${pick(['message', 'subscribe', 'unsubscribe', 'invalidate', 'x'])}\r\n+c\r\n:1\r\n`,
    () => pick(['*1\r\n', '%1\r\n', '>1\r\n', '|1\r\n', '~1\r\n']).repeat(10_000),
    () =>
      `${pick(['*', '$', '%', '~', '>', '|', '!', '=']) + pick(['2147483647', '9223372036854775807', '-7', 'x'])}\r\n`,
    () => `*200000\r\n${':1\r\n'.repeat(150_000)}`,
    () => `+${'x'.repeat(200_000)}`,
    () => pick(['hello\r\n', '\0\0\0', 'HTTP/1.1 200 OK\r\n\r\n', '+\xff\r\n', '\r\n\r\n']),
    () => '',
  ];
  return pick(kinds)();
}

/** @param greets whether the handshake is answered well, always or by chance */
export async function startHostileRedis({ path, seed, greets = true }) {
  const random = seeded(seed);
  const sockets = new Set();
  let answered = 0;
  const greeting = ([name, ...args]) => {
    if (name === 'HELLO') return HELLO;
    if (name === 'SCRIPT' && args[0] === 'LOAD') return bulk('0'.repeat(40));
    if (name === 'INFO') return bulk('maxmemory:0\r\nmaxmemory_policy:noeviction\r\n');
    if (name === 'TIME') return encode(['1763900000', '1']);
    return undefined;
  };
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let received = Buffer.alloc(0);
    let hasGreeted = false;
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let read = parse(received); read; read = parse(received)) {
        received = received.subarray(read.end);
        const welcome = !hasGreeted && (greets || random.below(20) > 0) && greeting(read.value);
        hasGreeted ||= read.value[0] === 'TIME';
        answered += 1;
        if (welcome) {
          socket.write(welcome);
          continue;
        }
        socket.write(random.below(20) > 0 ? fitting(read.value, random) : nonsense(random));
        if (random.below(100) === 0) socket.write(nonsense(random));
        if (random.below(200) === 0) socket.destroy();
      }
    });
  });
  await new Promise((resolve) => server.listen(path, resolve));
  return {
    get answered() {
      return answered;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
