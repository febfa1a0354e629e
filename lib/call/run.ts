/**
 * One run of a user's function: the context that the function sees, and what reaches it from outside while it runs. A
 * run starts `fn` (after `recover`, if an earlier attempt vanished) and hears of the lease. Recording is left to
 * execute.
 */
import type { IdempotencyContext, IdempotencyOptions, LeaseLossReason } from '../../index';
import { invalid, LeaseLostError } from '../errors';
import { storeError } from '../native/answer';
import type { Call, OwnerTurn } from './call';
import { Context, type Running, running } from './context';
import type { Flight } from './flights';
import type { Lease } from './lease';

type Recover = NonNullable<IdempotencyOptions['recover']>;

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

export class Run implements Running {
  readonly call: Call;
  readonly flight: Flight;
  readonly lease: Lease | undefined;
  readonly context: Context;
  readonly space: string;
  readonly identity: string;
  readonly outer: Running | undefined;
  isActive = true;
  /** Whether `recover` is running: what it throws says nothing about `fn`. */
  isRecovering = false;
  #isLost = false;

  constructor(call: Call, turn: OwnerTurn) {
    this.call = call;
    this.flight = turn.flight;
    this.lease = turn.lease;
    this.space = call.host.space;
    this.identity = call.identity;
    this.outer = running.getStore();
    this.context = new Context(call, turn.lease);
    if (call.isHeard) this.#announce(turn);
    turn.lease?.listen((reason) => this.#lose(reason));
  }

  get attempt(): number {
    return this.context.attempt;
  }

  #announce({ lease, outage }: OwnerTurn): void {
    const { call } = this;
    if (call.hasWaited) call.tell('waited', this.attempt, {});
    if (outage !== undefined) {
      const { code, message } = storeError(outage, undefined);
      call.tell('store-error', 0, { code, message });
    }
    if (lease === undefined) return;
    call.tell('claimed', lease.attempt, { fence: lease.fence });
    if (lease.recovered) call.tell('takeover', lease.attempt, { fence: lease.fence });
  }

  /** Starts `fn` and gives what it returns, or throws what it throws. */
  start(): unknown {
    const { observation } = this.call;
    return observation === undefined ? this.#start() : observation.run(() => this.#start());
  }

  #start(): unknown {
    const recover = this.lease?.recovered === true ? this.call.options?.recover : undefined;
    if (recover !== undefined) return running.run(this, () => this.#recover(recover));
    return running.run(this, this.call.fn, this.context as IdempotencyContext);
  }

  async #recover(recover: Recover): Promise<unknown> {
    this.isRecovering = true;
    const found: unknown = await recover(this.context);
    if (found !== undefined && found !== null) {
      if (typeof found !== 'object' || !('value' in found)) throw invalid('recover must return { value } or undefined');
      return found.value;
    }
    this.isRecovering = false;
    return this.call.fn(this.context);
  }

  #lose(reason: LeaseLossReason): void {
    const { call } = this;
    this.context.abort();
    // Once `fn` has ended, the store's answer counts, and until it comes, this flight serves the callers that wait.
    if (!this.isActive) return;
    if (!this.#isLost) {
      this.#isLost = true;
      call.tell('lease-lost', this.attempt, { reason });
      this.flight.dissolve();
    }
    // `fn` goes on without its caller. If it ends before another attempt takes over, its outcome is still recorded.
    if (reason === 'max-lease') {
      call.abandon(new LeaseLostError(reason, { detail: 'maxLeaseMs is over', hash: call.hash() }));
    }
  }
}
