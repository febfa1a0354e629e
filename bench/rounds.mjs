// The plan of a run: contestants alternate slice by slice, each in processes of its own, one working at a time.
import { keyOf, RESULT } from './measure.mjs';
import { ContestantProcess } from './process.mjs';
import { Samples } from './samples.mjs';

/**
 * warmUpOps run before anything is measured: with fewer, V8 has not compiled the slower contestants to the end.
 * countedOps run under Redis' slow log; replayedOps are recorded by one process and replayed by another.
 */
export const FORMS = {
  quick: { rounds: 5, sliceMs: 150, warmUpOps: 20_000, countedOps: 1_000, replayedOps: 1_500, coldStarts: 3 },
  full: { rounds: 7, sliceMs: 600, warmUpOps: 40_000, countedOps: 3_000, replayedOps: 8_000, coldStarts: 5 },
};
export const IN_FLIGHT = [1, 64, 512];

/** An upper bound for one slice, so that the embedded store's records fit in memory. */
const MAX_OPS = 100_000;
const DUPLICATES = { calls: 200, workMs: 50 };

let slices = 0;
const freshSlice = () => `slice-${++slices}`;

export class Run {
  samples = new Samples();
  #redis;
  #form;
  #contestants;
  /** name → [the process that runs, the one that replays what the first recorded] */
  #processes = new Map();

  constructor(redis, contestants, form) {
    this.#redis = redis;
    this.#contestants = contestants;
    this.#form = form;
  }

  async measure({ onRound = () => {} } = {}) {
    await this.#startAll();
    await this.#each((contestant) => this.#warmUp(contestant));
    await this.#each((contestant) => this.#memory(contestant));
    for (let round = 1; round <= this.#form.rounds; round++) {
      onRound(round, this.#form.rounds);
      if (round > 1) await this.#renewEmbedded();
      for (const inFlight of IN_FLIGHT) await this.#each((contestant) => this.#fresh(contestant, inFlight));
      await this.#each((contestant) => this.#counted(contestant));
      await this.#each((contestant) => this.#replayed(contestant));
      await this.#each((contestant) => this.#joined(contestant));
    }
    return this.samples;
  }

  async stop() {
    await Promise.all([...this.#processes.values()].flat().map((process) => process.stop()));
  }

  async #each(work) {
    for (const contestant of this.#contestants) {
      await this.#redis.empty();
      await work(contestant, ...this.#processes.get(contestant.name));
    }
  }

  /** Every start is a sample of the cold start; two processes stay. */
  async #startAll() {
    for (const contestant of this.#contestants) this.#processes.set(contestant.name, []);
    for (let start = 1; start <= this.#form.coldStarts; start++) {
      for (const contestant of this.#contestants) {
        const started = await ContestantProcess.start(contestant, this.#redis.url);
        this.samples.add(contestant.name, { coldMs: started.coldMs });
        if (start <= 2) this.#processes.get(contestant.name).push(started);
        else await started.stop();
      }
    }
  }

  async #renewEmbedded() {
    for (const contestant of this.#contestants.filter(({ embedded }) => embedded)) {
      const [runner] = this.#processes.get(contestant.name);
      await runner.stop();
      this.#processes.get(contestant.name)[0] = await ContestantProcess.start(contestant, this.#redis.url);
      await this.#warmUp(contestant);
    }
  }

  #load(contestant, request) {
    return this.#processes.get(contestant.name)[0].ask('load', { slice: freshSlice(), maxOps: MAX_OPS, ...request });
  }

  async #warmUp(contestant) {
    const { warmUpOps } = this.#form;
    await this.#load(contestant, { inFlight: 64, maxOps: warmUpOps });
    await this.#load(contestant, { inFlight: 512, maxOps: warmUpOps / 5 });
    if (contestant.embedded) return;
    await this.#load(contestant, { inFlight: 1, maxOps: warmUpOps / 50 });
    await this.#replay(contestant, warmUpOps / 5);
  }

  /** One record, alone in Redis. */
  async #memory(contestant) {
    if (contestant.embedded) return;
    await this.#load(contestant, { inFlight: 1, maxOps: 1 });
    const { record, plain } = await this.#redis.recordBytes(JSON.stringify(RESULT));
    this.samples.add(contestant.name, { bytes: record, bytesRatio: record / plain });
  }

  async #fresh(contestant, inFlight) {
    const before = await this.#redis.cpuUs();
    const { ops, executions, opsPerSecond, cpuUs, ...latency } = await this.#load(contestant, {
      inFlight,
      forMs: this.#form.sliceMs,
    });
    const redisCpuUs = ((await this.#redis.cpuUs()) - before) / ops;
    if (executions !== ops) throw new Error(`${contestant.name} ran ${executions} times for ${ops} fresh keys`);
    this.samples.add(contestant.name, {
      [`ops${inFlight}`]: opsPerSecond,
      [`cpu${inFlight}`]: cpuUs,
      ...(!contestant.embedded && { [`redisCpu${inFlight}`]: redisCpuUs }),
      ...latency,
    });
  }

  async #counted(contestant) {
    if (contestant.embedded) return;
    const maxOps = this.#form.countedOps;
    const { commands, us } = await this.#redis.ownTime(() => this.#load(contestant, { inFlight: 64, maxOps }));
    this.samples.add(contestant.name, { commands: commands / maxOps, redisUs: us / maxOps });
  }

  async #replayed(contestant) {
    if (contestant.embedded) return;
    const { opsPerSecond, cpuUs } = await this.#replay(contestant, this.#form.replayedOps);
    this.samples.add(contestant.name, { replays: opsPerSecond, replayCpu: cpuUs });
  }

  async #replay(contestant, maxOps) {
    const [runner, replayer] = this.#processes.get(contestant.name);
    const request = { slice: freshSlice(), inFlight: 64, maxOps };
    await runner.ask('load', request);
    const replay = await replayer.ask('load', request);
    if (replay.executions > 0) throw new Error(`${contestant.name} ran again what another process had completed`);
    return replay;
  }

  /** Duplicates of one run in flight, for those who wait for it. */
  async #joined(contestant) {
    if (!contestant.waits) return;
    const [runner] = this.#processes.get(contestant.name);
    const ask = () => runner.ask('joined', { key: keyOf(freshSlice(), 0), ...DUPLICATES });
    const { value, commands } = await this.#redis.slowLog(ask);
    this.samples.add(contestant.name, { joinedMs: value.p99Ms, joinedCommands: commands });
  }
}
