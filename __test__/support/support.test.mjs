// The tests' own tools, tested (the proxy in proxy.test.mjs): a ledger that miscounts would hide a second run.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/step.mjs';
import { testFiles } from '../../scripts/test-files.mjs';
import './unhandled.mjs';
import { eventually } from './eventually.mjs';
import { temporaryFolder } from './folder.mjs';
import { openLedger } from './ledger.mjs';
import { countExecuted, startMonitor } from './monitor.mjs';
import { staysPending } from './pending.mjs';
import { startRedis } from './redis.mjs';
import { connectResp, encode, Push, parse, RespError } from './resp.mjs';
import { stores } from './stores.mjs';
import { startWorker } from './worker.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const isAlive = (pid) => {
  try {
    // An ended child that nobody has asked about is a zombie; it does not count as alive.
    return !/ Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, ' '));
  } catch {
    return false;
  }
};

/** Runs a module's text in a process of its own, where it may fail, and gives what spawnSync gives. */
function runModule(text, { env = {}, args = [] } = {}) {
  const file = path.join(temporaryFolder('module'), 'module.mjs');
  fs.writeFileSync(file, text.replaceAll('SUPPORT', here));
  const { NODE_TEST_CONTEXT: _, ...outer } = process.env;
  return spawnSync(process.execPath, [...args, file], { env: { ...outer, ...env }, encoding: 'utf8' });
}

describe('resp', () => {
  it('parses every kind of reply, and waits for the bytes that are missing', () => {
    const text =
      '*11\r\n+OK\r\n-ERR no\r\n:-3\r\n$5\r\nh\r\nlo\r\n$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n=5\r\ntxt:a\r\n%1\r\n+k\r\n~1\r\n:1\r\n';
    const whole = Buffer.from(text);
    const { value, end } = parse(whole);
    assert.equal(end, whole.length);
    assert.ok(value[1] instanceof RespError);
    assert.equal(value[1].code, 'ERR');
    assert.deepEqual(value.slice(2), [-3, 'h\r\nlo', null, null, null, true, 1.5, 'a', new Map([['k', new Set([1])]])]);
    for (let length = 0; length < whole.length; length += 1) assert.equal(parse(whole.subarray(0, length)), undefined);
  });

  it('reads attributes away, tells pushes from replies, and refuses what is no RESP', () => {
    assert.deepEqual(parse(Buffer.from('|1\r\n+a\r\n+b\r\n:7\r\n')).value, 7);
    assert.deepEqual(parse(Buffer.from('>2\r\n+message\r\n+x\r\n')).value, new Push(['message', 'x']));
    assert.throws(() => parse(Buffer.from('\0+OK\r\n')), /not RESP/);
    assert.throws(() => parse(Buffer.from('HTTP/1.1 400')), /not RESP/);
  });

  it('encodes bytes as they are', () => {
    assert.equal(
      encode(['SET', 'ä', Buffer.from([0xff])]).toString('latin1'),
      '*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$1\r\n\xff\r\n',
    );
  });
});

describe('eventually', () => {
  it('resolves to the first truthy answer, and counts a thrown error as not yet', async () => {
    let asked = 0;
    const answer = await eventually(
      () => {
        asked += 1;
        if (asked < 3) throw new Error('not yet');
        return `after ${asked}`;
      },
      { everyMs: 1 },
    );
    assert.equal(answer, 'after 3');
  });

  it('says at the deadline what did not come true and why', async () => {
    const failing = eventually(() => Promise.reject(new Error('down')), { withinMs: 20, everyMs: 1, what: 'the moon' });
    await assert.rejects(failing, (error) => {
      assert.match(error.message, /the moon did not come true within 20 ms/);
      assert.equal(error.cause.message, 'down');
      return true;
    });
  });
});

describe('ledger', () => {
  it('counts effects by key, over several processes that write at once', async () => {
    const ledger = openLedger();
    assert.equal(ledger.count('k'), 0);
    const text = `import { openLedger } from 'SUPPORT/ledger.mjs';
      const ledger = openLedger(${JSON.stringify(ledger.file)});
      for (let i = 0; i < 200; i += 1) ledger.record('k', { i });`;
    const writers = [1, 2, 3].map(() => {
      const file = path.join(temporaryFolder('module'), 'writer.mjs');
      fs.writeFileSync(file, text.replaceAll('SUPPORT', here));
      return once(spawn(process.execPath, [file], { stdio: 'ignore' }), 'exit');
    });
    ledger.record('other', { attempt: 2 });
    assert.deepEqual(await Promise.all(writers), [
      [0, null],
      [0, null],
      [0, null],
    ]);
    assert.equal(ledger.count('k'), 600);
    assert.deepEqual(ledger.entries('other'), [{ key: 'other', attempt: 2 }]);
    assert.equal(ledger.count(), 601);
  });
});

describe('unhandled rejections (E14)', () => {
  it('fail the process, although nothing else went wrong', () => {
    const { status, stderr } = runModule(`import 'SUPPORT/unhandled.mjs'; Promise.reject(new Error('forgotten'));`);
    assert.equal(status, 1);
    assert.match(stderr, /unhandled rejection \(E14\): Error: forgotten/);
  });

  it('fail a test file even when they come after its last test has passed', () => {
    const text = `import { test } from 'node:test'; import 'SUPPORT/unhandled.mjs';
      test('passes', () => { setTimeout(() => { Promise.reject(new Error('late')); }, 50); });`;
    assert.equal(runModule(text).status, 1);
    assert.equal(runModule(text.replace('Promise.reject', 'String')).status, 0);
  });

  it('are watched in every test file', () => {
    const unwatched = testFiles().filter((name) => {
      const text = fs.readFileSync(path.join(root, name), 'utf8');
      return !/'(\.|\.\.\/support)\/(unhandled|actonce)\.mjs'/.test(text);
    });
    assert.deepEqual(unwatched, [], 'these must import support/unhandled.mjs');
  });
});

describe('redis', () => {
  it('starts on a unix socket, speaks, and is gone after stop', async () => {
    const redis = await startRedis();
    assert.match(redis.url, /^unix:\/\/\/.*\/s$/);
    assert.equal(redis.urlFor({ user: 'u', password: 'p', db: 2 }), `${redis.url}?user=u&pass=p&db=2`);
    await redis.send('SET', 'k', 'v');
    const control = await redis.connect();
    assert.equal(await control.send('GET', 'k'), 'v');
    const { pid } = redis;
    assert.ok(isAlive(pid));
    await redis.stop();
    await assert.rejects(redis.connect());
    assert.equal(isAlive(pid), false);
  });

  it('takes configuration lines and comes back on the same address with what its file holds', async (t) => {
    const redis = await startRedis({ listen: 'tcp', config: ['appendonly yes', 'appendfsync always', 'databases 3'] });
    t.after(() => redis.stop());
    const { url, pid } = redis;
    await redis.send('SET', 'k', 'kept');
    await redis.restart('SIGKILL');
    assert.equal(redis.url, url);
    assert.notEqual(redis.pid, pid);
    assert.equal(await redis.send('GET', 'k'), 'kept');
    assert.deepEqual(await redis.send('CONFIG', 'GET', 'databases'), ['databases', '3']);
  });

  it('lets ACL users do what their rules say', async (t) => {
    const redis = await startRedis({ listen: 'tcp', users: ['app on >secret ~actonce:* -@all +get +set'] });
    t.after(() => redis.stop());
    assert.equal(redis.urlFor({ user: 'app', password: 'se/cret' }), redis.url.replace('//', '//app:se%2Fcret@'));
    const client = await redis.connect();
    await client.send('AUTH', 'app', 'secret');
    assert.equal(await client.send('SET', 'actonce:a', '1'), 'OK');
    await assert.rejects(client.send('SET', 'b', '1'), { code: 'NOPERM' });
    await assert.rejects(client.send('DEL', 'actonce:a'), { code: 'NOPERM' });
  });

  it('speaks TLS to whom trusts its own authority, and sees a client certificate', async (t) => {
    const redis = await startRedis({ listen: 'tls', config: ['tls-auth-clients yes'] });
    t.after(() => redis.stop());
    assert.match(redis.url, /^rediss:/);
    assert.equal(await redis.send('PING'), 'PONG');
    const { tls: _, ...address } = redis.target;
    const { strangerCa, clientTls } = redis.certificates;
    await assert.rejects(connectResp({ ...address, tls: { ...clientTls, ca: strangerCa } }), /certificate/);
  });

  it('that cannot start says why, with its log', async () => {
    await assert.rejects(startRedis({ config: ['maxmemory a-lot'] }), /did not start.*a-lot/s);
  });

  it('that is not installed is a failure that says what to do', () => {
    const text = `import { startRedis } from 'SUPPORT/redis.mjs';
      await startRedis().catch((error) => console.log(error.message));`;
    const env = { PATH: '/nowhere', REDIS_BIN: '', VALKEY_BIN: '' };
    assert.match(runModule(text, { env }).stdout, /needs? a real one\. Install it .* or set REDIS_BIN or VALKEY_BIN/);
    const named = runModule(text, { env: { REDIS_BIN: '/nowhere/redis-server' } });
    assert.match(named.stdout, /REDIS_BIN is set to .* not a program/);
  });

  it('dies with a test process that was killed', async () => {
    const text = `import { startRedis } from 'SUPPORT/redis.mjs';
      const redis = await startRedis();
      console.log(redis.pid);
      process.kill(process.pid, 'SIGKILL');`;
    const { stdout, signal } = runModule(text);
    assert.equal(signal, 'SIGKILL');
    await eventually(() => !isAlive(Number(stdout)), { what: 'the end of the orphan' });
  });

  it('that nobody stops does not keep its test process alive', () => {
    const { status, stdout } = runModule(`import { startRedis } from 'SUPPORT/redis.mjs';
      console.log((await startRedis()).pid);`);
    assert.equal(status, 0);
    assert.match(stdout, /^\d+\n$/);
  });
});

describe('monitor', () => {
  it('tells the commands on the wire from those inside a script', async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const monitor = await startMonitor(redis);
    const script = "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('GET', KEYS[1])";
    await redis.send('EVAL', script, 1, 'k', 'say "hi" \\ there');
    assert.deepEqual(await monitor.wire(), { EVAL: 1 });
    const commands = await monitor.commands();
    assert.deepEqual(
      commands.filter(({ from }) => from === 'lua').map(({ name }) => name),
      ['SET', 'GET'],
    );
    assert.deepEqual(commands.find(({ name }) => name === 'SET').args, ['SET', 'k', 'say "hi" \\ there']);
    await monitor.clear();
    assert.deepEqual(await monitor.commands(), []);
  });

  it('counts what the server executed during some work', async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    await redis.send('GET', 'earlier');
    const counts = await countExecuted(redis, async () => {
      await redis.send('EVAL', "return redis.call('SET', KEYS[1], '1')", 1, 'k');
      await redis.send('SCRIPT', 'LOAD', 'return 1');
    });
    assert.deepEqual(counts, { EVAL: 1, SET: 1, 'SCRIPT|LOAD': 1 });
    assert.deepEqual(await countExecuted(redis, () => {}), {});
  });
});

describe('stores', () => {
  it('are the embedded one and Redis with both executors, each with a prefix of its own', async () => {
    assert.deepEqual(
      stores.map(({ name }) => name),
      ['memory', 'redis, loop', 'redis, thread'],
    );
    const opened = await Promise.all(stores.map((store) => store.open()));
    assert.deepEqual(
      opened.map(({ options }) => options.executor),
      [undefined, 'loop', 'thread'],
    );
    assert.equal(opened[0].options.url, 'memory:');
    assert.equal(opened[1].options.url, opened[2].options.url);
    assert.equal(await opened[1].redis.send('PING'), 'PONG');
    assert.equal(new Set(opened.map(({ options }) => options.prefix)).size, 3);
  });
});

describe('worker', () => {
  it('stands still while frozen, goes on when thawed, and dies at once when killed', async () => {
    const worker = await startWorker();
    assert.deepEqual(await worker.events(), []);
    await worker.freeze();
    const answer = worker.events();
    assert.ok(await staysPending(answer));
    worker.thaw();
    assert.deepEqual(await answer, []);
    await worker.freeze();
    const lost = worker.events();
    lost.catch(() => {});
    assert.deepEqual(await worker.kill(), { code: null, signal: 'SIGKILL' });
    await assert.rejects(lost, /the worker ended \(SIGKILL\)/);
  });

  it('ends by itself when it is told to stop, also while frozen', async () => {
    const worker = await startWorker();
    await worker.events();
    await worker.freeze();
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
  });

  it('runs fn by its steps, and tells what fn saw, said and did', async (t) => {
    const ledger = openLedger();
    const worker = await startWorker({ client: { url: 'memory:' }, ledger });
    t.after(() => worker.stop());
    const steps = [{ say: 'here' }, { wait: 'go on' }, { effect: true }, { busyMs: 5 }, { return: new Map([[1, 2n]]) }];
    const call = worker.call({ key: 'k', steps, outcome: true });
    const context = await call.said('here');
    assert.deepEqual([context.key, context.attempt, context.protected, context.aborted], ['k', 1, true, false]);
    assert.equal(ledger.count('k'), 0);
    call.tell('go on');
    const { value, runs } = await call.result;
    assert.deepEqual([value.status, value.value], ['executed', new Map([[1, 2n]])]);
    assert.deepEqual(runs, [context]);
    const [{ charge, ...effect }] = ledger.entries('k');
    assert.deepEqual(effect, { key: 'k', attempt: 1, fence: context.fence, pid: worker.pid });
    assert.match(charge, /^[0-9a-f-]{36}$/);
    const again = await worker.call({ key: 'k', steps }).result;
    assert.deepEqual(again, { value: new Map([[1, 2n]]), runs: [] });
    assert.equal((await worker.client('inspect', { key: 'k' })).state, 'completed');
    const types = (await worker.events()).map(({ type }) => type);
    assert.ok(types.includes('completed') && types.includes('replayed'), types.join());
  });

  it('brings errors back as data, and rejects what a dead process can no longer answer', async () => {
    const worker = await startWorker({ client: { url: 'memory:' } });
    const thrown = { name: 'CardError', message: 'declined', code: 'card_declined' };
    const { error } = await worker.call({ key: 'k', steps: [{ throw: thrown }] }).result;
    assert.deepEqual(error, thrown);
    assert.deepEqual((await worker.call({ key: 's', steps: [{ throw: 'a string' }] }).result).error, {
      thrown: 'a string',
    });
    await assert.rejects(worker.client('inspect', {}), { code: 'ERR_KEY_MISSING' });
    const call = worker.call({ key: 'l', steps: [{ say: 'soon' }, { exit: 3 }] });
    await assert.rejects(call.result, /the worker ended \(3\)/);
    assert.deepEqual(await worker.exited, { code: 3, signal: null });
  });

  it('dies with a test process that was killed, even while frozen', async () => {
    const { stdout } = runModule(`import { startWorker } from 'SUPPORT/worker.mjs';
      const worker = await startWorker();
      await worker.freeze();
      process.stdout.write(String(worker.pid), () => process.kill(process.pid, 'SIGKILL'));`);
    await eventually(() => !isAlive(Number(stdout)), { what: 'the end of the orphan' });
  });
});
