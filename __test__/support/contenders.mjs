// What lease and fault tests are made of: a server, clients of this process and workers of others that contend for keys,
// each test under a prefix of its own, each effect in a ledger outside of the store.
import { randomUUID } from 'node:crypto';
import { createClient } from './actonce.mjs';
import { eventually } from './eventually.mjs';
import { openLedger } from './ledger.mjs';
import { startProxy } from './proxy.mjs';
import { recordUnder } from './record.mjs';
import { startWorker } from './worker.mjs';

/** Long enough for a busy machine, short enough to wait for. Renewed every 200 ms, called lost at 550. */
export const LEASE_MS = 600;
export const EXECUTORS = ['loop', 'thread'];
export const POLICIES = ['rerun', 'hold'];

/** What a command on the wire is for; a proxy's fault takes these as `on`. They hold for every version of the server. */
export const isClaimScript = (args) => args[0] === 'EVALSHA' && args.length === 12;
/** Before Redis 7 there is no SET NX GET, and the script claims. */
export const isClaim = (args) => (args[0] === 'SET' && args.includes('NX')) || isClaimScript(args);
export const isCompletion = (args) => args.some((arg) => /^1C\d{16}/.test(arg));
export const isRenewal = ([name, ...args]) => name === 'EVALSHA' && args.length === 4;

/** One test's surroundings; everything it opens ends with the test. */
export class Contenders {
  prefix = `t-${randomUUID()}`;
  ledger = openLedger();
  #test;
  #redis;
  #options;

  /** @param options of every client and worker, besides url and prefix */
  constructor(test, redis, { defaults, ...options } = {}) {
    this.#test = test;
    this.#redis = redis;
    this.#options = { cache: false, defaults: { leaseMs: LEASE_MS, ...defaults }, ...options };
  }

  options({ defaults, ...more } = {}) {
    const base = this.#options;
    return { url: this.#redis.url, prefix: this.prefix, ...base, ...more, defaults: { ...base.defaults, ...defaults } };
  }

  /** A client in this process; `told` are the types of its events so far. */
  client(more) {
    const client = createClient(this.options(more));
    const told = [];
    client.on((event) => told.push(event.type));
    this.#test.after(() => client.close({ graceMs: 0 }));
    return Object.assign(client, { told });
  }

  /** A process of its own with one client. */
  async worker({ env, execArgv, ...more } = {}) {
    const worker = await startWorker({ client: this.options(more), ledger: this.ledger, env, execArgv });
    let hasEnded = false;
    worker.exited.then(() => {
      hasEnded = true;
    });
    this.#test.after(() => hasEnded || worker.kill());
    return worker;
  }

  async proxy() {
    const proxy = await startProxy({ to: this.#redis.target });
    this.#test.after(() => proxy.close());
    return proxy;
  }

  record() {
    return recordUnder(this.#redis, this.prefix);
  }

  /** Resolves at the next renewal of the lease, as the server shows it. */
  async renewed() {
    let { leaseLeftMs } = await this.record();
    const rose = async () => {
      const earlier = leaseLeftMs;
      ({ leaseLeftMs } = await this.record());
      return leaseLeftMs > earlier;
    };
    await eventually(rose, { what: 'a renewal' });
  }

  /** An fn that notes its effect and returns which attempt it was. */
  effect = (ctx) => {
    this.ledger.record(ctx.key, { attempt: ctx.attempt, fence: ctx.fence });
    return { by: ctx.attempt };
  };
}
