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
  #front: IterableIterator<[K, V]> | undefined;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#insertions++;
    // Twice the size: the copying stays a constant share of the work, however many entries are alive.
    if (this.#insertions > LEAST_INSERTIONS && this.#insertions > 2 * this.#map.size) {
      this.#replace(new Map(this.#map));
    }
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    return this.#map.delete(key);
  }

  /**
   * Removes the entry that was inserted first, and gives it. Goes on where it was the last time: a new iterator would
   * pass over every hole that removals have left at the front.
   */
  shift(): V | undefined {
    this.#front ??= this.#map.entries();
    let next = this.#front.next();
    if (next.done === true) {
      // An iterator that has come to the end stays there, also when entries were added since.
      this.#front = this.#map.entries();
      next = this.#front.next();
    }
    if (next.done === true) return undefined;
    const [key, value] = next.value;
    this.#map.delete(key);
    return value;
  }

  clear(): void {
    this.#replace(new Map());
  }

  #replace(map: Map<K, V>): void {
    this.#map = map;
    this.#insertions = 0;
    this.#front = undefined;
  }

  /** In the order of insertion. */
  keys(): IterableIterator<K> {
    return this.#map.keys();
  }
}
