/**
 * What the one who runs `fn` holds: the claimed operation, whether it still holds, and the two ways to end it.
 */
import type { LeaseLossReason } from '../index';
import { type Answer, type Binding, type Claim, FailMode, type Patience, Tag } from './binding';

/** Why the addon says a lease is lost, by the number it sends. */
const LOSSES: readonly LeaseLossReason[] = ['expired', 'refused', 'max-lease'];

export class Lease {
  readonly fence: number;
  readonly attempt: number;
  readonly recovered: boolean;
  readonly claim: Claim;
  readonly #binding: Binding;
  readonly #op: number;
  /** The store is being told how it ended. */
  #isEnding = false;
  #lossReason: LeaseLossReason | undefined;
  #answer: Answer | undefined;
  #resolve: ((answer: Answer) => void) | undefined;
  /** Called on the addon's stack when the lease is lost; again when `maxLeaseMs` passes after that. */
  onLost: ((reason: LeaseLossReason) => void) | undefined;

  constructor(binding: Binding, op: number, claim: Claim, acquired: Answer) {
    this.#binding = binding;
    this.#op = op;
    this.claim = claim;
    this.fence = acquired.fence;
    this.attempt = acquired.attempt;
    this.recovered = acquired.recovered;
  }

  /** Why it is known to be lost, if it is. */
  get lossReason(): LeaseLossReason | undefined {
    return this.#lossReason;
  }

  /** Looks at the clock. */
  held(): boolean {
    return this.#lossReason === undefined && this.#binding.held(this.#op);
  }

  /** Answers DONE, STALE, LOST, UNREADABLE, STORE_ERROR, or DELAYED and one of them `later()`. */
  complete(payload: string, patience: Patience): Answer | Promise<Answer> {
    this.#isEnding = true;
    this.#binding.complete(this.#op, payload, this.claim.retentionMs, patience);
    return this.later();
  }

  fail(policy: keyof typeof FailMode, payload: string | null, patience: Patience): Answer | Promise<Answer> {
    this.#isEnding = true;
    this.#binding.fail(this.#op, FailMode[policy], payload, this.claim.retentionMs, patience);
    return this.later();
  }

  /** The next answer; the embedded store's is already there. */
  later(): Answer | Promise<Answer> {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer !== undefined) return answer;
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  receive(answer: Answer): void {
    if (answer.tag === Tag.LEASE_LOST) {
      this.#lose(LOSSES[answer.ms] ?? 'refused');
      return;
    }
    const resolve = this.#resolve;
    if (resolve !== undefined) {
      this.#resolve = undefined;
      resolve(answer);
      return;
    }
    this.#answer = answer;
    // Told without being asked: the client was closed, and nobody renews the lease any more.
    if (!this.#isEnding) this.#lose('expired');
  }

  #lose(reason: LeaseLossReason): void {
    this.#lossReason ??= reason;
    this.onLost?.(reason);
  }
}
