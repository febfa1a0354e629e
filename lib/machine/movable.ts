/**
 * What a step needs of a machine. It is a module of its own, so that a call, which offers `ctx.transition`, imports no
 * machine.
 */
import type { MachineEvent, SendOptions, Transition } from '../../index';
import { anything, ofType, type Rule, whole } from '../rules';

/** The attempt of an idempotency key that takes a step. */
export interface Caller {
  readonly record: string;
  readonly fence: number;
  readonly attempt: number;
  /** How long the record is kept. */
  readonly retentionMs: number;
  /** Names the record in errors. */
  hash(): string | undefined;
}

/** Names the run that asks for a trail. */
export interface RunNames {
  readonly record: string;
  /** The keys of the steps that may end the run. */
  readonly ends: readonly string[];
}

/** An entry that an instance remembers, whether its history shows it or not. */
export interface Footprint {
  readonly version: number;
  /** The state it led to. */
  readonly state: string;
  /** An attempt of the run made it. */
  readonly isOwn: boolean;
  /** Its index in `ends`. */
  readonly end: number | null;
}

export type StepOptions = Omit<SendOptions, 'idempotencyKey'>;

/** The options of `send` that `ctx.transition` has, too. */
export const STEP: Readonly<Record<keyof StepOptions, Rule>> = {
  expectedVersion: whole(0, Number.MAX_SAFE_INTEGER),
  data: anything,
  create: ofType('boolean'),
};

export abstract class Movable {
  abstract readonly id: string;

  /**
   * @param key names the step: the same key again gets the answer of the first time
   * @param caller the attempt whose step it is
   */
  abstract move(
    id: string,
    event: MachineEvent<string>,
    options: StepOptions,
    key: string | undefined,
    caller: Caller | undefined,
  ): Promise<Transition<string>>;

  /** Everything that an instance remembers, oldest first. */
  abstract trail(id: string, run: RunNames): Promise<Footprint[]>;
}
