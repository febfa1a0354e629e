// The server side of a curve: a Redis of its own, and what it says of its work and its memory.
import { startRedis } from '../../__test__/support/redis.mjs';
import { cpuUsOf, field, versionOf } from '../redis.mjs';
import { connectPlain } from './plain.mjs';

export class Server {
  #redis;
  #plain;

  static async start() {
    const started = new Server();
    started.#redis = await startRedis({ listen: 'tcp' });
    started.#plain = await connectPlain(started.url);
    return started;
  }

  get url() {
    return this.#redis.url;
  }

  async cpuUs() {
    return cpuUsOf(await this.#info('cpu'));
  }

  /** Bytes of everything that is stored, tables included. */
  async memory() {
    return Number(field(await this.#info('memory'), 'used_memory'));
  }

  /** Scripts called so far: while leases are only held, these are their renewals. */
  async scriptCalls() {
    const line = field(await this.#info('commandstats'), 'cmdstat_evalsha');
    return Number(line?.match(/calls=(\d+)/)[1] ?? 0);
  }

  async version() {
    return versionOf(await this.#info('server'));
  }

  records() {
    return this.#redis.send('DBSIZE');
  }

  empty() {
    return this.#redis.send('FLUSHALL', 'SYNC');
  }

  /** Stores so many records by plain commands. */
  storePlainly(count, lifeMs) {
    return this.#plain.pairs(count, lifeMs);
  }

  stop() {
    this.#plain.close();
    return this.#redis.stop();
  }

  #info(section) {
    return this.#redis.send('INFO', section);
  }
}
