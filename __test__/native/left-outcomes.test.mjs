// A call of the addon leaves in the buffer what it is answered before it returns. If a connection turns out to be gone in
// the same moment, others are answered through the same buffer. Neither answer may take the other's place.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { addonFile } from '../../scripts/platform.mjs';
import { eventually } from '../support/eventually.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { encode, parse } from '../support/resp.mjs';
import '../support/unhandled.mjs';

const addon = createRequire(import.meta.url)(`../../${addonFile()}`);

const [IN_PROGRESS, WOKEN, STORE_ERROR] = [3, 10, 12];
const WILL_WAIT = 2;
/** Their scripts are more than is left for the end of a turn. */
const MANY = 60;

const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const RUNNING = bulk(`1P1763900000000000AAAABBBBCCCCDDDD${'-'.repeat(22)}01 30000 3600000`);
const BUSY = encode(['in_progress', '1763900000000000', '30000']);

/** A server that shakes hands, says that every key is in progress, and holds its replies when it is told to. */
async function startBusyServer(t) {
  const socket = path.join(temporaryFolder('busy'), 's');
  const server = { url: `unix://${socket}`, holds: false, held: [], connection: undefined };
  const reply = ([name, first, , ...rest]) => {
    if (name === 'HELLO') return '%3\r\n+server\r\n+redis\r\n+version\r\n+7.4.0\r\n+role\r\n+master\r\n';
    if (name === 'SCRIPT') return bulk('0'.repeat(40));
    if (name === 'INFO') return bulk('maxmemory_policy:noeviction\r\n');
    if (name === 'TIME') return encode(['1763900000', '1']);
    if (name === 'SUBSCRIBE') return `>3\r\n${bulk('subscribe')}${bulk(first)}:1\r\n`;
    return name === 'SET' ? RUNNING : rest.length > 6 && BUSY;
  };
  const listener = net.createServer((connection) => {
    server.connection = connection;
    let received = Buffer.alloc(0);
    connection.on('error', () => {});
    connection.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let read = parse(received); read; read = parse(received)) {
        received = received.subarray(read.end);
        if (server.holds) server.held.push(read.value);
        else connection.write(reply(read.value));
      }
    });
  });
  server.reply = reply;
  await new Promise((resolve) => listener.listen(socket, resolve));
  t.after(() => {
    server.connection?.destroy();
    listener.close();
  });
  return server;
}

test('a wake-up that is known at once is not lost when the connection is, and nobody is answered twice', async (t) => {
  const server = await startBusyServer(t);
  const outcomes = new Float64Array(2_048);
  const told = [];
  const onTold = new Map();
  const read = (count) => {
    const batch = Array.from({ length: count }, (_, at) => ({ op: outcomes[8 * at], tag: outcomes[8 * at + 1] }));
    for (const each of batch) {
      told.push(each);
      onTold.get(each.op)?.(each.tag);
    }
  };
  const config = { url: server.url, prefix: 'left', secrets: [], executor: 'loop' };
  const times = { connectTimeoutMs: 2_000, commandTimeoutMs: 5_000 };
  const client = addon.open(JSON.stringify({ ...config, ...times }), outcomes, read);
  t.after(() => client.close());
  const begin = (op, identity) =>
    read(client.begin(op, identity, null, 30_000, 30_000, 60_000, WILL_WAIT, 20_000, 0, null));
  const tagsOf = (op) => told.filter((each) => each.op === op).map(({ tag }) => tag);
  const first = 1;
  const second = 2;
  const reset = 999;

  // One caller waits for the key already, so the second one hears of changes from the moment in which it begins to wait.
  onTold.set(first, (tag) => tag === IN_PROGRESS && read(client.wait(first, 60_000)));
  begin(first, 'k1:a');
  await eventually(() => tagsOf(first).includes(WOKEN));

  server.holds = true;
  begin(second, 'k1:a');
  await eventually(() => server.held.length === 1);
  server.connection.write(RUNNING);
  server.held.length = 0;
  await eventually(() => server.held.length === 1);
  for (let n = 0; n < MANY; n += 1) begin(10 + n, `k1:${n}`);
  read(client.admin(reset, JSON.stringify({ do: 'reset', identity: 'k1:b' })));
  await eventually(() => server.held.length === MANY + 2);

  // All are answered but the reset. It is not sent again when its connection ends, because it could hit the next attempt.
  onTold.set(second, (tag) => tag === IN_PROGRESS && read(client.wait(second, 60_000)));
  server.connection.write(Buffer.concat([BUSY, ...Array(MANY).fill(Buffer.from(RUNNING))]));
  server.connection.destroy();
  server.holds = false;
  await eventually(() => tagsOf(reset).length > 0);
  await eventually(() => tagsOf(10 + MANY - 1).length > 0, { what: 'the answers over the next connection' });
  assert.deepEqual(tagsOf(second), [IN_PROGRESS, WOKEN]);
  assert.deepEqual(tagsOf(reset), [STORE_ERROR]);
});
