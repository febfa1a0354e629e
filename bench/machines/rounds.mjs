// The plan of a run: contestants alternate slice by slice, each in a process of its own, one working at a time.
import { Samples } from '../samples.mjs';
import { smoke, startContestant } from './smoke.mjs';

export const FORMS = {
  quick: { rounds: 5, sliceMs: 200, warmUpOps: 20_000, countedOps: 2_000 },
  full: { rounds: 7, sliceMs: 700, warmUpOps: 40_000, countedOps: 5_000 },
};
export const IN_FLIGHT = [1, 64, 512];

/** As many as there are ever events in flight: none waits for another's instance. */
const INSTANCES = Math.max(...IN_FLIGHT);
/** An upper bound for one slice, so that what it stores fits in memory. */
const MAX_OPS = 100_000;

let slices = 0;
const freshSlice = () => `slice-${++slices}`;

export class Run {
  samples = new Samples();
  #redis;
  #form;
  #contestants;
  #processes = new Map();

  constructor(redis, contestants, form) {
    this.#redis = redis;
    this.#contestants = contestants;
    this.#form = form;
  }

  async measure({ onRound = () => {} } = {}) {
    await smoke(this.#redis, this.#contestants);
    await this.#redis.empty();
    // A database each, so that instances are made, and their histories filled, once.
    for (const [database, contestant] of this.#contestants.entries()) {
      const url = `${this.#redis.url}/${database}`;
      this.#processes.set(contestant.name, await startContestant(contestant, url));
    }
    await this.#each((contestant) => this.#warmUp(contestant));
    for (let round = 1; round <= this.#form.rounds; round++) {
      onRound(round, this.#form.rounds);
      for (const inFlight of IN_FLIGHT) await this.#each((contestant) => this.#sends(contestant, inFlight));
      await this.#each((contestant) => this.#lives(contestant));
      await this.#each((contestant) => this.#counted(contestant));
    }
    return this.samples;
  }

  async stop() {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
  }

  async #each(work) {
    for (const contestant of this.#contestants) await work(contestant);
  }

  #ask({ name }, what, request) {
    return this.#processes.get(name).ask(what, { slice: freshSlice(), ...request });
  }

  async #warmUp(contestant) {
    const { warmUpOps } = this.#form;
    await this.#ask(contestant, 'prepare', { instances: INSTANCES });
    await this.#ask(contestant, 'sends', { inFlight: 64, maxOps: warmUpOps });
    await this.#ask(contestant, 'sends', { inFlight: 512, maxOps: warmUpOps / 5 });
    await this.#ask(contestant, 'sends', { inFlight: 1, maxOps: warmUpOps / 50 });
    await this.#ask(contestant, 'lives', { inFlight: 64, maxOps: warmUpOps / 5 });
  }

  async #sends(contestant, inFlight) {
    const request = { inFlight, forMs: this.#form.sliceMs, maxOps: MAX_OPS };
    const { value, cpuUs: redisCpuUs } = await this.#redis.spentOn(() => this.#ask(contestant, 'sends', request));
    const { ops, opsPerSecond, cpuUs, p50Us, p99Us } = value;
    this.samples.add(contestant.name, {
      [`ops${inFlight}`]: opsPerSecond,
      [`cpu${inFlight}`]: cpuUs,
      [`redisCpu${inFlight}`]: redisCpuUs / ops,
      ...(inFlight === 1 && { p50Us, p99Us }),
    });
  }

  async #lives(contestant) {
    const request = { inFlight: 64, forMs: this.#form.sliceMs, maxOps: MAX_OPS };
    const { opsPerSecond, cpuUs } = await this.#ask(contestant, 'lives', request);
    this.samples.add(contestant.name, { livesOps: opsPerSecond, livesCpu: cpuUs });
  }

  async #counted(contestant) {
    const maxOps = this.#form.countedOps;
    const work = () => this.#ask(contestant, 'sends', { inFlight: 64, maxOps });
    const { commands, us } = await this.#redis.ownTime(work);
    this.samples.add(contestant.name, { commands: commands / maxOps, redisUs: us / maxOps });
  }
}
