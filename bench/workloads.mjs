// What is measured. A workload is a table, or one for each of its points; `name` is what --workloads calls it.
import { COST } from './workloads/cost.mjs';
import { DELAY, FRESH, RESULT_SIZES } from './workloads/fresh.mjs';
import { REPLAY_ELSEWHERE, REPLAY_HERE } from './workloads/replay.mjs';
import { STORM } from './workloads/storm.mjs';

/**
 * says: what is done, for the report; columns: [title, figure, how it is shown].
 * takes: whether a contestant can take part, in all of it or at one point.
 * points: `measure(team, form)` → figures, which checks that each key ran once; `smoke(team)` checks it harder.
 * extra: no target needs this workload, or this point, so that a quick run leaves it out.
 * warmUp: what V8 has to compile beside the fresh calls that every run begins with.
 */
export const WORKLOADS = [FRESH, RESULT_SIZES, DELAY, REPLAY_ELSEWHERE, REPLAY_HERE, STORM, COST];

export const FOR_TARGETS = WORKLOADS.filter(({ extra }) => !extra).map((workload) => ({
  ...workload,
  points: workload.points.filter(({ extra }) => !extra),
}));

const always = () => true;
export const takes = (workload, point, contestant) =>
  (workload.takes ?? always)(contestant) && (point.takes ?? always)(contestant);
