/**
 * Knows who waits for the answers of which operation. In its table, the last bits of an id are the id's place. Ids only
 * grow, so an answer that comes after its operation was given up finds nobody. The table is cheaper than a Map, which
 * every call would enter and leave, and a Map's old tables keep what they held alive (see ChurnMap).
 */
const LAST_ID = 0xffff_ffff;

export class OpenOperations<T> {
  #ids: number[] = new Array(256).fill(0);
  #waiting: (T | undefined)[] = new Array(256).fill(undefined);
  #count = 0;
  #lastId: number;

  /** @param lastId the id that was given last */
  constructor(lastId = 0) {
    this.#lastId = lastId;
  }

  /** @returns an id of 32 bits, not 0 */
  start(who: T): number {
    if (2 * this.#count >= this.#ids.length) this.#grow();
    // An operation that has been open for a whole round keeps its place, and the ids that would share the place are
    // skipped.
    let id = this.#lastId;
    do id = id === LAST_ID ? 1 : id + 1;
    while (this.#waiting[this.#placeOf(id)] !== undefined);
    this.#lastId = id;
    this.#count++;
    this.#put(id, who);
    return id;
  }

  get(id: number): T | undefined {
    const place = this.#placeOf(id);
    return this.#ids[place] === id ? this.#waiting[place] : undefined;
  }

  end(id: number): void {
    if (this.get(id) === undefined) return;
    this.#waiting[this.#placeOf(id)] = undefined;
    this.#count--;
  }

  /** The ids of all open operations. */
  ids(): number[] {
    return this.#ids.filter((_, place) => this.#waiting[place] !== undefined);
  }

  /** The length is a power of two. */
  #placeOf(id: number): number {
    return id & (this.#ids.length - 1);
  }

  #put(id: number, who: T): void {
    const place = this.#placeOf(id);
    this.#ids[place] = id;
    this.#waiting[place] = who;
  }

  #grow(): void {
    const open = this.ids().map((id) => [id, this.get(id) as T] as const);
    const length = 2 * this.#ids.length;
    this.#ids = new Array(length).fill(0);
    this.#waiting = new Array(length).fill(undefined);
    for (const [id, who] of open) this.#put(id, who);
  }
}
