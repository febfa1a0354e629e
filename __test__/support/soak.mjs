// A soak: several processes call at random while faults strike at random, both from a seed; then all is healed, every key
// is asked for once more, and the whole history is handed to the judge. The seed repeats what is asked and what strikes
// when, not how the machine schedules it.
import { fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from './actonce.mjs';
import { isClaim, isCompletion, isRenewal, LEASE_MS } from './contenders.mjs';
import { temporaryFolder } from './folder.mjs';
import { startProxy } from './proxy.mjs';
import { randomFrom } from './random.mjs';
import { dieWithUs, hasEnded } from './reaper.mjs';
import { startRedis } from './redis.mjs';

const PROCESS = fileURLToPath(new URL('./soak-process.mjs', import.meta.url));
const OPTIONS = {
  prefix: 'soak',
  commandTimeoutMs: 200,
  totalTimeoutMs: 2_000,
  defaults: { leaseMs: LEASE_MS, waitTimeoutMs: 3_000, recordTimeoutMs: 10_000 },
};

/** A process with a proxy of its own before the server. */
class Member {
  constructor(proxy, child) {
    this.proxy = proxy;
    this.child = child;
    dieWithUs(child.pid);
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        hasEnded(child.pid);
        resolve(signal ?? code);
      });
    });
  }
}

const member = ({ members, random }) => random.pick(members);

/** A state of one member's network, for a while. */
const network = (mode, more) => async (soak) => {
  const { proxy } = member(soak);
  proxy.mode(mode, more);
  await pause(soak.random.between(100, 3 * LEASE_MS));
  proxy.mode('pass');
};

/** One command of one member, when it comes. */
const command = (kind, on) => async (soak) => member(soak).proxy.fault(kind, { on, bytes: soak.random.upTo(12) });

/** Another fault may end the server, or the connection, before it has answered. */
const tellServer = ({ redis }, ...command) => redis.send(...command).catch(() => {});

/** What strikes a member or the server; what has to be healed is healed when it resolves. */
const FAULTS = {
  'kill -9': (soak) => soak.replace(soak.random.upTo(soak.members.length)),
  SIGSTOP: async (soak) => {
    const { child } = member(soak);
    child.kill('SIGSTOP');
    await pause(soak.random.between(LEASE_MS, 4 * LEASE_MS));
    child.kill('SIGCONT');
  },
  'busy event loop': async (soak) => member(soak).child.send({ busyMs: soak.random.between(200, 3 * LEASE_MS) }),
  'black hole': network('black-hole'),
  'requests lost': network('drop-requests'),
  'replies lost': network('drop-replies'),
  stall: network('stall'),
  'latency of 100 ms': network('delay', { ms: 100 }),
  'connections refused': network('refuse'),
  'connections cut': async (soak) => member(soak).proxy.cut(),
  'claim lost': command('drop-request', isClaim),
  'reply to a claim lost': command('swallow-reply', isClaim),
  'reply to a claim cut short': command('cut', isClaim),
  'reply to a completion lost': command('swallow-reply-and-close', isCompletion),
  'reply to a renewal lost': command('swallow-reply', isRenewal),
  'SCRIPT FLUSH': (soak) => tellServer(soak, 'SCRIPT', 'FLUSH'),
  'CLIENT KILL': (soak) => tellServer(soak, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
  'CLIENT PAUSE': (soak) => tellServer(soak, 'CLIENT', 'PAUSE', soak.random.between(50, 500), 'ALL'),
  'server killed, restarted with its AOF': ({ redis }) => redis.restart('SIGKILL'),
};

class Soak {
  members = [];
  struck = {};
  #file = path.join(temporaryFolder('soak'), 'history.jsonl');
  #startedAt = Date.now();
  #begun = 0;

  constructor({ seed, redis }) {
    this.seed = seed;
    this.redis = redis;
    this.random = randomFrom(seed);
  }

  async join() {
    const proxy = await startProxy({ to: this.redis.target });
    this.#begun += 1;
    const soak = {
      options: { ...OPTIONS, url: proxy.url },
      history: this.#file,
      seed: this.seed + this.#begun,
      startedAt: this.#startedAt,
      newKeyEveryMs: 25,
    };
    const { NODE_TEST_CONTEXT: _, ...outer } = process.env;
    const env = { ...outer, SOAK: JSON.stringify(soak) };
    const joined = new Member(proxy, fork(PROCESS, [], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    this.members.push(joined);
  }

  /** SIGKILL, and another process takes its place. */
  async replace(at) {
    const [{ child, ended, proxy }] = this.members.splice(at, 1);
    child.kill('SIGKILL');
    await ended;
    fs.appendFileSync(this.#file, `${JSON.stringify({ what: 'killed', pid: child.pid })}\n`);
    await proxy.close();
    await this.join();
  }

  /** Faults, one a moment, until the time is over and the last is healed. One that restarts the server stands alone. */
  async ruin(seconds) {
    const until = Date.now() + seconds * 1_000;
    const underWay = new Set();
    while (Date.now() < until) {
      const name = this.random.pick(Object.keys(FAULTS));
      this.struck[name] = (this.struck[name] ?? 0) + 1;
      const fault = FAULTS[name](this).finally(() => underWay.delete(fault));
      underWay.add(fault);
      if (/^(server|kill)/.test(name)) await fault;
      await pause(this.random.between(50, 400));
    }
    await Promise.all(underWay);
  }

  /** No fault is left, and every caller is let come to its end; how each process ended. */
  async heal() {
    for (const { proxy, child } of this.members) {
      proxy.reset();
      proxy.cut();
      child.send({ stop: true });
    }
    return await Promise.all(this.members.map(({ ended }) => ended));
  }

  history() {
    return fs
      .readFileSync(this.#file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** What a caller is told about each key when all is quiet; whatever is not known by then fails. */
  async finals(keys) {
    const client = createClient({ ...OPTIONS, url: this.redis.url, totalTimeoutMs: 10_000 });
    const never = () => Promise.reject(Object.assign(new Error('it was free'), { code: 'threw' }));
    const ask = (key) =>
      client.withIdempotency(key, never, { scope: [key, 'soak'] }).then(
        (value) => ({ what: 'final', key, value }),
        (error) => ({ what: 'final', key, code: error.code }),
      );
    const told = [];
    for (let at = 0; at < keys.length; at += 100) told.push(...(await Promise.all(keys.slice(at, at + 100).map(ask))));
    await client.close();
    return told;
  }

  async close() {
    for (const { proxy, child } of this.members) {
      child.kill('SIGKILL');
      await proxy.close();
    }
    await this.redis.stop();
  }
}

/** Runs it; the whole history, how often what struck, and how the processes ended. */
export async function soak({ seed, seconds, processes }) {
  const redis = await startRedis({ config: ['appendonly yes', 'appendfsync always'] });
  const run = new Soak({ seed, redis });
  try {
    for (let at = 0; at < processes; at += 1) await run.join();
    await run.ruin(seconds);
    const endings = await run.heal();
    const history = run.history();
    const keys = [...new Set(history.map(({ key }) => key).filter(Boolean))];
    return { history: [...history, ...(await run.finals(keys))], struck: run.struck, endings, keys };
  } finally {
    await run.close();
  }
}
