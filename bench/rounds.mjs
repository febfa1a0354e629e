// The plan of a run: contestants alternate slice by slice, each in processes of its own, one working at a time.
import { LIMIT, measureLimit } from './benchmark-limit.mjs';
import { startDelayProxy } from './delay-proxy.mjs';
import { Samples } from './samples.mjs';
import { freshSlice, Team } from './team.mjs';
import { takes } from './workloads.mjs';

/**
 * warmUpOps run before anything is measured: with fewer, V8 has not compiled the slower contestants to the end.
 * countedOps run under Redis' slow log; replayedOps are recorded by one process and replayed by another.
 */
export const FORMS = {
  quick: { rounds: 5, sliceMs: 100, warmUpOps: 10_000, countedOps: 600, replayedOps: 8_000 },
  full: { rounds: 7, sliceMs: 450, warmUpOps: 40_000, countedOps: 3_000, replayedOps: 30_000 },
};

export class Run {
  samples = new Samples();
  #redis;
  #form;
  #contestants;
  #workloads;
  #teams = [];
  #proxy;

  constructor(redis, contestants, form, workloads) {
    this.#redis = redis;
    this.#contestants = contestants;
    this.#form = form;
    this.#workloads = workloads;
  }

  async measure({ onRound = () => {} } = {}) {
    await this.#open();
    await this.#eachTeam((team) => this.#warmUp(team));
    for (let round = 1; round <= this.#form.rounds; round++) {
      onRound(round, this.#form.rounds);
      if (round > 1) await this.#renewEmbedded();
      this.samples.add(LIMIT, await measureLimit(this.#redis.target));
      await this.#eachPoint(async (point, team) => {
        const figures = await point.measure(team, this.#form);
        this.samples.addAt(point.id, team.contestant.name, figures);
      });
    }
    return this.samples;
  }

  /** Whether everyone does what is measured; `told` of each contestant, at each point. */
  async check(told) {
    await this.#open();
    await this.#eachPoint(async (point, team, workload) => {
      const check = point.smoke ?? point.measure;
      const where = `${team.contestant.name}: ${[workload.name, point.title].filter(Boolean).join(', ')}`;
      await check(team, this.#form).then(
        () => told(where),
        (error) => told(where, error),
      );
    });
  }

  async stop() {
    await Promise.all(this.#teams.map((team) => team.stop()));
    await this.#proxy?.stop();
  }

  async #open() {
    if (this.#workloads.some(({ needsProxy }) => needsProxy)) this.#proxy = await startDelayProxy(this.#redis.target);
    this.#teams = this.#contestants.map((contestant) => new Team(contestant, this.#redis, this.#proxy));
  }

  async #eachPoint(act) {
    for (const workload of this.#workloads) {
      for (const point of workload.points) {
        await this.#eachTeam((team) => takes(workload, point, team.contestant) && act(point, team, workload));
      }
    }
  }

  async #eachTeam(act) {
    for (const team of this.#teams) {
      await this.#redis.empty();
      try {
        await act(team);
      } catch (error) {
        throw new Error(`${team.contestant.name}: ${error.message}`, { cause: error });
      }
    }
  }

  /** The records of an embedded store stay in its process. */
  async #renewEmbedded() {
    for (const team of this.#teams.filter(({ contestant }) => contestant.embedded)) {
      await team.stop();
      await this.#warmUp(team);
    }
  }

  async #warmUp(team) {
    const { warmUpOps } = this.#form;
    const process = await team.member(0);
    const load = (inFlight, maxOps) => process.ask('load', { slice: freshSlice(), inFlight, maxOps });
    await load(64, warmUpOps);
    await load(512, warmUpOps / 4);
    if (!team.contestant.embedded) await load(1, warmUpOps / 40);
    for (const workload of this.#workloads) {
      if (workload.warmUp && takes(workload, {}, team.contestant)) await workload.warmUp(team, this.#form);
    }
  }
}
