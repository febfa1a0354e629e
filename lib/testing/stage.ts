/**
 * The addon as a test client sees it: the real one with the embedded store, and told what its user rehearses. A crashed
 * operation says nothing more and hears nothing; a store that is away answers nobody.
 */

import { Loss, loadAddon, type NativeClient, type NativeModule, STORE_CODES } from '../native/addon';
import { Tag } from '../native/answer';

export type Outage = 'ERR_STORE_UNAVAILABLE' | 'ERR_STORE_FULL';

export class Stage implements NativeModule {
  outage: Outage | undefined;
  /** The identities of the operations that were begun. */
  readonly #identities = new Map<number, string>();
  readonly #crashed = new Set<number>();
  #native: NativeClient | undefined;
  #outcomes: Float64Array = new Float64Array();
  #deliver: Parameters<NativeModule['open']>[2] = () => {};

  validateConfig(config: string): string | null {
    return loadAddon().validateConfig(config);
  }

  open(...[config, outcomes, deliver]: Parameters<NativeModule['open']>): NativeClient {
    const native = loadAddon().open(config, outcomes, deliver);
    this.#native = native;
    this.#outcomes = outcomes;
    this.#deliver = deliver;
    return {
      ...native,
      begin: (op, identity, ...terms) => {
        this.#identities.set(op, identity);
        return this.#fails(op) ?? native.begin(op, identity, ...terms);
      },
      again: (op) => this.#fails(op) ?? native.again(op),
      create: (op, ...command) => this.#fails(op) ?? native.create(op, ...command),
      send: (op, ...command) => this.#fails(op) ?? native.send(op, ...command),
      look: (op, ...command) => this.#fails(op) ?? native.look(op, ...command),
      due: (op, ...command) => this.#fails(op) ?? native.due(op, ...command),
      admin: (op, command) => this.#fails(op) ?? native.admin(op, command),
      complete: (op, ...ending) => this.#ends(op) ?? native.complete(op, ...ending),
      fail: (op, ...ending) => this.#ends(op) ?? native.fail(op, ...ending),
    };
  }

  /** Lets time pass. What comes due in that time has happened when this method returns. */
  advance(ms: number): void {
    const count = this.#native?.advance(ms) ?? 0;
    if (count > 0) this.#deliver(count, null);
  }

  /** @returns whether a run of this record was under way */
  crash(hash: string): boolean {
    const native = this.#native;
    if (native === undefined) return false;
    const isTheirs = ([op, identity]: [number, string]) => native.held(op) && native.hash(identity) === hash;
    const op = [...this.#identities].find(isTheirs)?.[0];
    if (op === undefined) return false;
    native.crash(op);
    this.#crashed.add(op);
    // The caller in this process gets no answer but this one.
    this.#write(op, Tag.LEASE_LOST, Loss.maxLease, 0);
    this.#deliver(1, null);
    return true;
  }

  /** Writes the answer of a store that is away, and gives the count of outcomes; undefined when the store is there. */
  #fails(op: number): number | undefined {
    if (this.outage === undefined) return undefined;
    this.#write(op, Tag.STORE_ERROR, 0, STORE_CODES.indexOf(this.outage));
    return 1;
  }

  #ends(op: number): number | undefined {
    this.#identities.delete(op);
    if (this.#crashed.has(op)) return 0;
    const failed = this.#fails(op);
    // Nobody renews a lease whose ending the store was not told.
    if (failed !== undefined) this.#native?.crash(op);
    return failed;
  }

  #write(op: number, tag: Tag, ms: number, code: number): void {
    this.#outcomes.set([op, tag, 0, 0, 0, ms, code, 0]);
  }
}
