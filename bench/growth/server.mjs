// The server side of a curve: a Redis of its own, and what it says of its work and its memory.
import { startRedis } from '../../__test__/support/redis.mjs';

export class Server {
  #redis;

  static async start() {
    const started = new Server();
    started.#redis = await startRedis({ listen: 'tcp' });
    return started;
  }

  get url() {
    return this.#redis.url;
  }

  /** CPU µs of the server process so far, reading and writing sockets included. */
  async cpuUs() {
    const of = await this.#info('cpu');
    return 1e6 * (Number(of('used_cpu_user')) + Number(of('used_cpu_sys')));
  }

  /** Bytes of everything that is stored, tables included. */
  async memory() {
    return Number((await this.#info('memory'))('used_memory'));
  }

  /** Scripts called so far: while leases are only held, these are their renewals. */
  async scriptCalls() {
    const line = (await this.#info('commandstats'))('cmdstat_evalsha');
    return Number(line?.match(/calls=(\d+)/)[1] ?? 0);
  }

  async version() {
    const of = await this.#info('server');
    const valkey = of('valkey_version');
    return valkey ? `Valkey ${valkey}` : `Redis ${of('redis_version')}`;
  }

  records() {
    return this.#redis.send('DBSIZE');
  }

  empty() {
    return this.#redis.send('FLUSHALL', 'SYNC');
  }

  stop() {
    return this.#redis.stop();
  }

  async #info(section) {
    const text = await this.#redis.send('INFO', section);
    return (field) => text.match(new RegExp(`^${field}:(.*?)\r?$`, 'm'))?.[1];
  }
}
