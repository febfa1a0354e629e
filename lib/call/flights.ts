/**
 * Joins the callers of one key in this process: however many they are, one claim goes over the wire. A flight drives
 * the claim, waits while another process runs, and gives every member its turn. Each member keeps its own patience,
 * signal and `onDuplicate`. A member that leaves disturbs nobody.
 */

import { type Answer, isOutage, Tag } from '../native/answer';
import type { Binding, Receiver } from '../native/binding';
import type { Call, Shared, Turn } from './call';
import { ChurnMap } from './churn-map';
import { scopeOf } from './identity';
import { Lease } from './lease';

/** The longest wait for a wake-up before the flight asks the store: a wake-up can be missed. */
const POLL_MS = 1_000;
const SHORTEST_WAIT_MS = 5;
/** For releasing a claim that no caller is left to use. */
const IN_BACKGROUND = { patienceMs: 1, budgetMs: 5_000 };

export class Flights {
  readonly #flights = new ChurnMap<string, Flight>();
  readonly #binding: Binding;
  readonly #budgetMs: number;

  constructor(binding: Binding, budgetMs: number) {
    this.#binding = binding;
    this.#budgetMs = budgetMs;
  }

  /** Claims the key, or joins the callers that are claiming it. */
  enter(call: Call): Turn | Promise<Turn> {
    let flight = this.#flights.get(call.identity);
    if (flight === undefined) {
      flight = new Flight(this, this.#binding, call, true);
      this.#flights.set(call.identity, flight);
      flight.begin(this.#budgetMs);
    } else if (!flight.admit(call)) {
      // The payload or the lease differs, so the store's answer to one is not true for the other.
      flight = new Flight(this, this.#binding, call, false);
      flight.begin(this.#budgetMs);
    }
    return call.nextTurn(flight);
  }

  land(flight: Flight): void {
    this.#flights.delete(flight.identity);
  }
}

/** Payloads are compared only where both sides have one. */
function differ(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && one !== other;
}

type Phase = 'claiming' | 'waiting' | 'running' | 'ended';

export class Flight implements Receiver {
  readonly identity: string;
  readonly #flights: Flights;
  readonly #binding: Binding;
  /** The call that makes the claim; the others' claims would be equal to it. */
  readonly #first: Call;
  readonly #op: number;
  /** Who waits for a turn. */
  #members: Call[];
  #phase: Phase = 'claiming';
  /** Whether new callers find this flight. */
  #isListed: boolean;
  #lease: Lease | undefined;
  #shared: Shared | undefined;
  #remainingMs = 0;
  #remainingAt = 0;

  constructor(flights: Flights, binding: Binding, first: Call, isListed: boolean) {
    this.#flights = flights;
    this.#binding = binding;
    this.identity = first.identity;
    this.#first = first;
    this.#members = [first];
    this.#isListed = isListed;
    this.#op = binding.open(this);
  }

  begin(budgetMs: number): void {
    const { identity, key, payload, settings, waits } = this.#first;
    const scope = settings.maxKeysPerScope === undefined ? null : scopeOf(identity, key);
    this.#binding.begin(this.#op, identity, payload, settings, waits, budgetMs, scope);
  }

  get hasMembers(): boolean {
    return this.#members.length > 0;
  }

  /** @returns false when this flight cannot speak for the call */
  admit(call: Call): boolean {
    if (this.#phase === 'claiming' || this.#phase === 'waiting') {
      if (!call.claimsLike(this.#first)) return false;
      this.#members.push(call);
      if (this.#phase === 'waiting') this.#makeWait(call);
      return true;
    }
    if (differ(call.payload, this.#first.payload)) call.give({ as: 'mismatch' });
    else if (this.#shared !== undefined) call.give({ as: 'joined', shared: this.#shared });
    else {
      this.#members.push(call);
      this.#makeWait(call);
    }
    return true;
  }

  /** A member's patience is over, or its signal aborted. */
  leave(call: Call, turn: Turn): void {
    const index = this.#members.indexOf(call);
    if (index < 0) return;
    this.#members.splice(index, 1);
    if (this.#members.length === 0 && (this.#phase === 'claiming' || this.#phase === 'waiting')) {
      this.#phase = 'ended';
      this.land();
      this.#binding.forget(this.#op);
    }
    call.give(turn);
  }

  receive(answer: Answer): void {
    if (this.#lease !== undefined) this.#lease.receive(answer);
    else if (answer.tag === Tag.ACQUIRED) this.#acquired(answer);
    else if (answer.tag === Tag.IN_PROGRESS) this.#inProgress(answer);
    else if (answer.tag === Tag.WOKEN) this.#binding.again(this.#op);
    else this.#answered(answer);
  }

  /** The run has ended: every caller that waited, or that comes before the flight lands, gets the same outcome. */
  share(shared: Shared): void {
    this.#shared = shared;
    this.#phase = 'ended';
    this.#giveAll({ as: 'joined', shared });
  }

  /** The run has nothing to share, so the callers that waited ask from the start. */
  dissolve(): void {
    this.land();
    this.#giveAll({ as: 'again' });
  }

  /** From now on, new callers ask the store. */
  land(): void {
    if (!this.#isListed) return;
    this.#isListed = false;
    this.#flights.land(this);
  }

  #giveAll(turn: Turn): void {
    const members = this.#members;
    this.#members = [];
    for (const member of members) member.give(turn);
  }

  #makeAllWait(): void {
    if (this.#members.length === 0) return;
    for (const member of [...this.#members]) this.#makeWait(member);
  }

  #makeWait(call: Call): void {
    const refuse = () => this.leave(call, this.#refusal());
    if (!call.waits) {
      refuse();
      return;
    }
    if (this.#phase === 'waiting') call.hasWaited = true;
    call.limitWait(refuse);
  }

  /**
   * Refuses with what is left of the lease, as far as this process knows. By then the run has ended, the lease was
   * renewed, or another attempt may take over.
   */
  #refusal(): Turn {
    if (this.#phase !== 'waiting') return { as: 'in-progress', retryAfterMs: this.#first.settings.leaseMs };
    const left = Math.ceil(this.#remainingMs - (performance.now() - this.#remainingAt));
    return { as: 'in-progress', retryAfterMs: Math.max(left, 1) };
  }

  #acquired(answer: Answer): void {
    this.#lease = new Lease(this.#binding, this.#op, this.#first.settings, answer);
    const runner = this.#members.shift();
    if (runner === undefined) {
      // leave() forgets the operation when its last member leaves. If leave() ever misses one, no claim is left behind.
      this.land();
      this.#lease.fail('release', null, 0, IN_BACKGROUND, () => {});
    } else this.#run(runner, undefined);
  }

  #run(runner: Call, outage: Answer | undefined): void {
    this.#phase = 'running';
    runner.give({ as: 'owner', flight: this, lease: this.#lease, outage });
    this.#makeAllWait();
  }

  #inProgress(answer: Answer): void {
    this.#phase = 'waiting';
    this.#remainingMs = answer.ms;
    this.#remainingAt = performance.now();
    this.#makeAllWait();
    if (this.#members.length === 0) return; // the last member has left, and the operation is forgotten
    if (!this.#first.waits) {
      // The record was not marked as waited for, so no wake-up would come. The members that do wait ask for themselves.
      this.#binding.forget(this.#op);
      this.dissolve();
      return;
    }
    this.#binding.wait(this.#op, Math.min(Math.max(answer.ms, SHORTEST_WAIT_MS), POLL_MS));
  }

  #answered(answer: Answer): void {
    // Once another process has been seen at work, running without the store would be a second run, not a way through an
    // outage.
    const mayRun = this.#phase === 'claiming' && isOutage(answer);
    const accepting = mayRun ? this.#members.filter((member) => member.settings.onStoreUnavailable === 'run') : [];
    const runner = accepting.shift();
    if (runner === undefined) {
      this.#phase = 'ended';
      this.land();
      this.#giveAll({ as: 'answered', answer });
      return;
    }
    // The members that accept an outage still run one at a time in this process.
    const refusing = this.#members.filter((member) => member !== runner && !accepting.includes(member));
    this.#members = accepting;
    for (const member of refusing) member.give({ as: 'answered', answer });
    this.#run(runner, answer);
  }
}
