// The figures of a run: one number per contestant, figure and round, and what is made of them.

export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

export class Samples {
  #byName = new Map();

  /**
   * @param figures e.g. `{ cpu64: 13.2, ops64: 51_000 }`; the n-th number of a figure belongs to the n-th round.
   * Undefined is no figure.
   */
  add(name, figures) {
    const known = this.#byName.get(name) ?? {};
    this.#byName.set(name, known);
    for (const [figure, value] of Object.entries(figures)) {
      if (value === undefined) continue;
      known[figure] ??= [];
      known[figure].push(value);
    }
  }

  /** The figures of one place in the run: `addAt('fresh64', name, { cpuUs })` adds `fresh64.cpuUs`. */
  addAt(point, name, figures) {
    const entries = Object.entries(figures).map(([figure, value]) => [`${point}.${figure}`, value]);
    this.add(name, Object.fromEntries(entries));
  }

  names() {
    return [...this.#byName.keys()];
  }

  all(name, figure) {
    return this.#byName.get(name)?.[figure] ?? [];
  }

  /** undefined when it was not measured. */
  median(name, figure) {
    const values = this.all(name, figure);
    return values.length > 0 ? median(values) : undefined;
  }

  /**
   * The median over the rounds of `name` divided by the best of `others` in the same round: what slows a whole round
   * down on a shared machine drops out.
   * @param best Math.min where less is better, Math.max where more is
   */
  ratio(name, figure, others, best = Math.min) {
    const rivals = others.map((other) => this.all(other, figure)).filter((values) => values.length > 0);
    const ours = this.all(name, figure);
    if (ours.length === 0 || rivals.length === 0) return undefined;
    return median(ours.map((value, round) => value / best(...rivals.map((values) => values[round]))));
  }
}
