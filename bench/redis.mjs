// The run's own Redis on loopback TCP, and what it says about the work that a contestant made it do.
import { startRedis } from '../__test__/support/redis.mjs';

const SLOWLOG_OFF = -1;
const SLOWLOG_EVERYTHING = 0;
/** What this file sends while it measures. */
const OURS = new Set(['config', 'slowlog', 'info']);
const SCRIPTS = new Set(['eval', 'evalsha', 'eval_ro', 'evalsha_ro', 'fcall', 'fcall_ro']);
/** The address that the slow log gives for a command called by a script. */
const NO_PEER = '?:0';

export async function startMeasuredRedis() {
  const config = [`slowlog-log-slower-than ${SLOWLOG_OFF}`, 'slowlog-max-len 200000'];
  const server = await startRedis({ listen: 'tcp', config });
  // Late, because run.mjs may have to install it first.
  const { Redis } = await import('ioredis');
  return new MeasuredRedis(server, new Redis(server.url));
}

class MeasuredRedis {
  #server;
  #control;

  constructor(server, control) {
    this.#server = server;
    this.#control = control;
    this.url = server.url;
  }

  empty() {
    return this.#control.flushall('SYNC');
  }

  async version() {
    const info = await this.#control.info('server');
    const valkey = field(info, 'valkey_version');
    return valkey ? `Valkey ${valkey}` : `Redis ${field(info, 'redis_version')}`;
  }

  /** CPU µs of the server process so far, reading and writing sockets included. */
  async cpuUs() {
    const info = await this.#control.info('cpu');
    return 1e6 * (Number(field(info, 'used_cpu_user')) + Number(field(info, 'used_cpu_sys')));
  }

  /** Commands on the wire during `work`, and Redis' own time for those that are no scripts. */
  async slowLog(work) {
    await this.#control.slowlog('RESET');
    await this.#control.config('SET', 'slowlog-log-slower-than', SLOWLOG_EVERYTHING);
    const value = await work();
    await this.#control.config('SET', 'slowlog-log-slower-than', SLOWLOG_OFF);
    const entries = await this.#control.slowlog('GET', -1);
    const nameOf = ([, , , [command]]) => command.toLowerCase();
    const theirs = entries.filter((entry) => entry[4] !== NO_PEER && !OURS.has(nameOf(entry)));
    const plain = theirs.filter((entry) => !SCRIPTS.has(nameOf(entry)));
    return { value, commands: theirs.length, plainUs: plain.reduce((sum, [, , us]) => sum + us, 0) };
  }

  async #scriptUs() {
    const info = await this.#control.info('commandstats');
    const usOf = (name) => Number(field(info, `cmdstat_${name}`)?.match(/usec=(\d+)/)[1] ?? 0);
    return [...SCRIPTS].reduce((sum, name) => sum + usOf(name), 0);
  }

  /**
   * Redis' own time for what `work` makes it do, which runs twice; and the commands on the wire of one run.
   * `INFO commandstats` alone counts what a script calls twice, by itself and within the script's time. The slow log
   * tells the two apart, but writing it makes scripts slower: so plain commands from the one, scripts from the other.
   */
  async ownTime(work) {
    const { plainUs, commands } = await this.slowLog(work);
    const before = await this.#scriptUs();
    await work();
    return { commands, us: plainUs + (await this.#scriptUs()) - before };
  }

  /** Memory of everything stored, and of the same JSON stored as a plain string under a key of the same length. */
  async recordBytes(json) {
    const keys = await this.#control.keys('*');
    const sizes = await Promise.all(keys.map((key) => this.#control.memory('USAGE', key)));
    const plain = 'p'.repeat(keys.at(0)?.length ?? 0);
    await this.#control.set(plain, json, 'PX', 86_400_000);
    const record = sizes.reduce((sum, size) => sum + size, 0);
    return { record, plain: await this.#control.memory('USAGE', plain) };
  }

  async stop() {
    await this.#control.quit();
    await this.#server.stop();
  }
}

function field(info, name) {
  return info.match(new RegExp(`^${name}:(.*?)\r?$`, 'm'))?.[1];
}
