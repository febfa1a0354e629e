/** What the owner of a run holds: the claimed operation, whether its lease still holds, and the two ways to end it. */
import type { ErrorPolicy, LeaseLossReason } from '../../index';
import { type Answer, lossReasonOf, Tag } from '../native/answer';
import type { Binding, Patience } from '../native/binding';
import type { Encoded } from '../outcome/codec';
import type { Settings } from './options';

export class Lease {
  readonly fence: number;
  readonly attempt: number;
  readonly recovered: boolean;
  readonly #binding: Binding;
  readonly #op: number;
  readonly #retentionMs: number;
  #lossReason: LeaseLossReason | undefined;
  #answer: Answer | undefined;
  #onAnswer: ((answer: Answer) => void) | undefined;
  #onLost: ((reason: LeaseLossReason) => void) | undefined;
  /** Losses that were told in the same batch as the claim, before anyone could listen. */
  #untold: LeaseLossReason[] | undefined;

  constructor(binding: Binding, op: number, settings: Settings, acquired: Answer) {
    this.#binding = binding;
    this.#op = op;
    this.#retentionMs = settings.retentionMs;
    this.fence = acquired.fence;
    this.attempt = acquired.attempt;
    this.recovered = acquired.recovered;
  }

  /** Why the lease is lost; undefined unless this process knows of a loss. */
  get lossReason(): LeaseLossReason | undefined {
    return this.#lossReason;
  }

  /**
   * @param onLost is called on the addon's stack when the lease is lost, and again when `maxLeaseMs` passes after that
   */
  listen(onLost: (reason: LeaseLossReason) => void): void {
    this.#onLost = onLost;
    const untold = this.#untold;
    if (untold === undefined) return;
    this.#untold = undefined;
    for (const reason of untold) onLost(reason);
  }

  /** Whether the lease still holds; looks at the clock. */
  held(): boolean {
    return this.#lossReason === undefined && this.#binding.held(this.#op);
  }

  /**
   * @param onAnswer gets DONE, STALE, LOST, UNREADABLE or STORE_ERROR, perhaps after DELAYED. It may get TOO_LARGE,
   *   once; then the attempt may end again, with a smaller text. The embedded store answers before this method returns.
   */
  complete(payload: Encoded, patience: Patience, onAnswer: (answer: Answer) => void): void {
    this.#onAnswer = onAnswer;
    this.#binding.complete(this.#op, payload, this.#retentionMs, patience);
    this.#repeat();
  }

  /** @param toldForMs how long a released error is kept for callers who wait in other processes */
  fail(
    policy: ErrorPolicy,
    payload: string | null,
    toldForMs: number,
    patience: Patience,
    onAnswer: (answer: Answer) => void,
  ): void {
    this.#onAnswer = onAnswer;
    const keptForMs = policy === 'release' ? toldForMs : this.#retentionMs;
    this.#binding.fail(this.#op, policy, payload, keptForMs, patience);
    this.#repeat();
  }

  /** An answer that came unasked is also the answer to whatever is asked later. */
  #repeat(): void {
    if (this.#answer !== undefined) this.#onAnswer?.(this.#answer);
  }

  receive(answer: Answer): void {
    if (answer.tag === Tag.LEASE_LOST) this.#lose(lossReasonOf(answer));
    else if (this.#onAnswer !== undefined) this.#onAnswer(answer);
    else {
      // The answer came unasked: the client was closed, and nobody renews the lease any more.
      this.#answer = answer;
      this.#lose('expired');
    }
  }

  #lose(reason: LeaseLossReason): void {
    this.#lossReason ??= reason;
    if (this.#onLost !== undefined) {
      this.#onLost(reason);
      return;
    }
    this.#untold ??= [];
    this.#untold.push(reason);
  }
}
