// The processes of one contestant, started when they are first asked for, and the Redis that they work on.
import { ContestantProcess } from './process.mjs';

let slices = 0;
/** The name of one slice: no two have a key in common. */
export const freshSlice = () => `slice-${++slices}`;

export class Team {
  #members = [];
  #far;
  #proxy;

  /** @param proxy the longer way to Redis, where there is one */
  constructor(contestant, redis, proxy) {
    this.contestant = contestant;
    this.redis = redis;
    this.#proxy = proxy;
  }

  /** The n-th process: the first does most, the others what needs more than one. */
  async member(n) {
    this.#members[n] ??= await this.start(this.redis.url);
    return this.#members[n];
  }

  /** A process whose way to Redis and back takes so much longer from now on. */
  async far(roundTripMs) {
    this.#far ??= await this.start(this.#proxy.url);
    await this.#proxy.delay(roundTripMs);
    return this.#far;
  }

  /** One that the caller stops. */
  start(url) {
    return ContestantProcess.start(this.contestant, url);
  }

  async stop() {
    const processes = [...this.#members, this.#far].filter(Boolean);
    this.#members = [];
    this.#far = undefined;
    await Promise.all(processes.map((process) => process.stop()));
  }
}
