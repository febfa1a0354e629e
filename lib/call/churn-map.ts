/**
 * A Map for entries that come and go quickly. V8's Map leaves its old table behind at every rehash, and each old table
 * points to the next: once one of them is in the old generation, all that follow survive the young collections with
 * everything they held (measured: a third of all garbage promoted, half of the CPU time of a fresh call). Moving to a
 * new Map now and then cuts that chain.
 */
const LEAST_INSERTIONS = 256;

export class ChurnMap<K, V> {
  #map = new Map<K, V>();
  #insertions = 0;

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#insertions++;
    // Twice the size: the copying stays a constant share of the work, however many entries are alive.
    if (this.#insertions > LEAST_INSERTIONS && this.#insertions > 2 * this.#map.size) {
      this.#map = new Map(this.#map);
      this.#insertions = 0;
    }
    this.#map.set(key, value);
  }

  delete(key: K): void {
    this.#map.delete(key);
  }
}
