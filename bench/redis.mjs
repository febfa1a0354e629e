// The run's own Redis on loopback TCP, and what it says about the work that a contestant made it do.
import { startRedis } from '../__test__/support/redis.mjs';

const SLOWLOG_OFF = -1;
const SLOWLOG_EVERYTHING = 0;
/** What this file sends while it measures. */
const OURS = new Set(['config', 'slowlog', 'info']);
/** Their time holds that of the commands they run. */
const HOLDERS = new Set(['eval', 'evalsha', 'eval_ro', 'evalsha_ro', 'fcall', 'fcall_ro', 'exec']);
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
    this.target = server.target;
  }

  empty() {
    return this.#control.flushall('SYNC');
  }

  async version() {
    return versionOf(await this.#control.info('server'));
  }

  async #used() {
    const info = await this.#control.info();
    const wireBytes = sumOf(info, 'total_net_input_bytes', 'total_net_output_bytes');
    return { cpuUs: cpuUsOf(info), wireBytes };
  }

  /** What the server process spends on `work`: CPU µs, reading and writing sockets included, and bytes on the wire. */
  async spentOn(work) {
    // Looking costs something, too: as much as lies between two looks with nothing between them.
    const earlier = await this.#used();
    const before = await this.#used();
    const value = await work();
    const after = await this.#used();
    const of = (figure) => after[figure] - before[figure] - (before[figure] - earlier[figure]);
    return { value, cpuUs: of('cpuUs'), wireBytes: of('wireBytes') };
  }

  /** Commands on the wire during `work`, and Redis' own time for those that run neither in a script nor in EXEC. */
  async slowLog(work) {
    await this.#control.slowlog('RESET');
    const execsBefore = (await this.#commandstats('calls'))('exec');
    await this.#control.config('SET', 'slowlog-log-slower-than', SLOWLOG_EVERYTHING);
    const value = await work();
    await this.#control.config('SET', 'slowlog-log-slower-than', SLOWLOG_OFF);
    const entries = await this.#control.slowlog('GET', -1);
    const execs = (await this.#commandstats('calls'))('exec') - execsBefore;
    const theirs = entries.filter((entry) => entry[4] !== NO_PEER && !OURS.has(nameOf(entry))).reverse();
    const plain = outsideOfExec(theirs).filter((entry) => !HOLDERS.has(nameOf(entry)));
    return { value, commands: theirs.length + execs, plainUs: plain.reduce((sum, [, , us]) => sum + us, 0) };
  }

  async #holdersUs() {
    const usOf = await this.#commandstats('usec');
    return [...HOLDERS].reduce((sum, name) => sum + usOf(name), 0);
  }

  /** @param figure 'calls' or 'usec'; resolves to a function from a command's name to it */
  async #commandstats(figure) {
    const info = await this.#control.info('commandstats');
    const pattern = new RegExp(`\\b${figure}=(\\d+)`);
    return (name) => Number(field(info, `cmdstat_${name}`)?.match(pattern)[1] ?? 0);
  }

  /**
   * Redis' own time for what `work` makes it do, which runs twice; and the commands on the wire of one run.
   * `INFO commandstats` alone counts what a script calls twice, by itself and within the script's time. The slow log
   * tells the two apart, but writing it makes scripts slower: so plain commands from the one, scripts from the other.
   * EXEC is as a script is, except that the slow log never shows it.
   */
  async ownTime(work) {
    const { plainUs, commands } = await this.slowLog(work);
    const before = await this.#holdersUs();
    await work();
    return { commands, us: plainUs + (await this.#holdersUs()) - before };
  }

  /** Of every key, in how many ms it expires; -1 when it stays. */
  async expiries() {
    const keys = await this.#control.keys('*');
    return Promise.all(keys.map((key) => this.#control.pttl(key)));
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

/** @param info what INFO answered */
export const versionOf = (info) => {
  const valkey = field(info, 'valkey_version');
  return valkey ? `Valkey ${valkey}` : `Redis ${field(info, 'redis_version')}`;
};

/** CPU µs of the server process so far, reading and writing sockets included. */
export const cpuUsOf = (info) => 1e6 * sumOf(info, 'used_cpu_user', 'used_cpu_sys');

const sumOf = (info, ...names) => names.reduce((total, name) => total + Number(field(info, name)), 0);

export function field(info, name) {
  return info.match(new RegExp(`^${name}:(.*?)\r?$`, 'm'))?.[1];
}

const nameOf = ([, , , [command]]) => command.toLowerCase();

/** @param entries oldest first. What a client sends between MULTI and its next WATCH runs within EXEC. */
function outsideOfExec(entries) {
  const queueing = new Set();
  return entries.filter((entry) => {
    const [name, client] = [nameOf(entry), entry[4]];
    if (name === 'watch') queueing.delete(client);
    const outside = !queueing.has(client);
    if (name === 'multi') queueing.add(client);
    return outside;
  });
}
