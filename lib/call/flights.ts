/**
 * Callers of one key in this process, joined: one claim on the wire however many they are. A flight drives the claim,
 * waits while another process runs, and gives every member its turn. Each member keeps its own patience, signal and
 * `onDuplicate`; one that leaves disturbs nobody.
 */

import { type Answer, isOutage, Tag } from '../native/answer';
import type { Binding, Receiver } from '../native/binding';
import type { Call, Shared, Turn } from './call';
import { ChurnMap } from './churn-map';
import { scopeOf } from './identity';
import { Lease } from './lease';

/** The net under the wake-up that may be missed. */
const POLL_MS = 1_000;
const SHORTEST_WAIT_MS = 5;
/** For giving back a claim nobody is left to use. */
const IN_BACKGROUND = { patienceMs: 1, budgetMs: 5_000 };

export class Flights {
  readonly #flights = new ChurnMap<string, Flight>();
  readonly #binding: Binding;
  readonly #budgetMs: number;

  constructor(binding: Binding, budgetMs: number) {
    this.#binding = binding;
    this.#budgetMs = budgetMs;
  }

  /** Claims the key, or joins those who do. */
  enter(call: Call): Turn | Promise<Turn> {
    let flight = this.#flights.get(call.identity);
    if (flight === undefined) {
      flight = new Flight(this, this.#binding, call, true);
      this.#flights.set(call.identity, flight);
      flight.begin(this.#budgetMs);
    } else if (!flight.admit(call)) {
      // Another payload or lease: what the store says to the one is not true for the other.
      flight = new Flight(this, this.#binding, call, false);
      flight.begin(this.#budgetMs);
    }
    return call.nextTurn(flight);
  }

  land(flight: Flight): void {
    this.#flights.delete(flight.identity);
  }
}

/** Payloads are compared where both sides have one. */
function differ(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && one !== other;
}

type Phase = 'claiming' | 'waiting' | 'running' | 'ended';

export class Flight implements Receiver {
  readonly identity: string;
  readonly #flights: Flights;
  readonly #binding: Binding;
  /** Whose claim it is; the others' are equal to it. */
  readonly #first: Call;
  readonly #op: number;
  /** Who waits for a turn. */
  #members: Call[];
  #phase: Phase = 'claiming';
  /** Whether those who come find it. */
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

  /** The run has ended: everyone who waited for it, and whoever comes until it lands, gets the same. */
  share(shared: Shared): void {
    this.#shared = shared;
    this.#phase = 'ended';
    this.#giveAll({ as: 'joined', shared });
  }

  /** The run has nothing to share; those who waited ask from the start. */
  dissolve(): void {
    this.land();
    this.#giveAll({ as: 'again' });
  }

  /** From now on others ask the store. */
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

  /** What is left of the lease, as far as it is known: by then it has ended, was renewed, or may be taken over. */
  #refusal(): Turn {
    if (this.#phase !== 'waiting') return { as: 'in-progress', retryAfterMs: this.#first.settings.leaseMs };
    const left = Math.ceil(this.#remainingMs - (performance.now() - this.#remainingAt));
    return { as: 'in-progress', retryAfterMs: Math.max(left, 1) };
  }

  #acquired(answer: Answer): void {
    this.#lease = new Lease(this.#binding, this.#op, this.#first.settings, answer);
    const runner = this.#members.shift();
    if (runner === undefined) {
      // leave() forgets the operation with its last member; should that ever miss one, no claim is left behind.
      this.land();
      this.#lease.fail('release', null, IN_BACKGROUND, () => {});
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
    if (this.#members.length === 0) return; // the last one has left, and the operation is forgotten
    if (!this.#first.waits) {
      // The record was not marked as waited for, so no wake-up would come: those who do wait ask for themselves.
      this.#binding.forget(this.#op);
      this.dissolve();
      return;
    }
    this.#binding.wait(this.#op, Math.min(Math.max(answer.ms, SHORTEST_WAIT_MS), POLL_MS));
  }

  #answered(answer: Answer): void {
    // Once another process was seen at work, running without the store would be a second run, not an emergency.
    const mayRun = this.#phase === 'claiming' && isOutage(answer);
    const accepting = mayRun ? this.#members.filter((member) => member.settings.onStoreUnavailable === 'run') : [];
    const runner = accepting.shift();
    if (runner === undefined) {
      this.#phase = 'ended';
      this.land();
      this.#giveAll({ as: 'answered', answer });
      return;
    }
    // Those who accept that still run one at a time here.
    const refusing = this.#members.filter((member) => member !== runner && !accepting.includes(member));
    this.#members = accepting;
    for (const member of refusing) member.give({ as: 'answered', answer });
    this.#run(runner, answer);
  }
}
