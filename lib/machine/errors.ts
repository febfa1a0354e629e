/** The errors of state machines. Each says where the instance is, so that the caller need not ask again. */
import type * as described from '../../index';
import type { ErrorDetails } from '../../index';
import { ActonceError, nameErrors } from '../errors';

const named = (names: readonly string[]) => names.map((name) => `'${name}'`).join(', ');
const instance = ({ machine, id }: { machine: string; id: string }) => `${machine} '${id}'`;

export class InvalidTransitionError extends ActonceError {
  declare readonly code: 'ERR_INVALID_TRANSITION';
  readonly machine: string;
  readonly id: string;
  readonly from: string;
  readonly event: string;
  readonly allowed: readonly string[];
  readonly version: number;

  constructor(
    facts: Pick<described.InvalidTransitionError, 'machine' | 'id' | 'from' | 'event' | 'allowed' | 'version'>,
    details?: ErrorDetails,
  ) {
    const { from, event, allowed } = facts;
    const ways = allowed.length === 0 ? 'nothing leads on from there' : `${named(allowed)} would lead on`;
    super('ERR_INVALID_TRANSITION', {
      detail: `${instance(facts)} is in '${from}' and was sent '${event}'; ${ways}`,
      ...details,
    });
    this.machine = facts.machine;
    this.id = facts.id;
    this.from = from;
    this.event = event;
    this.allowed = allowed;
    this.version = facts.version;
  }
}

export class VersionConflictError extends ActonceError {
  declare readonly code: 'ERR_VERSION_CONFLICT';
  readonly machine: string;
  readonly id: string;
  readonly expected: number;
  readonly version: number;
  readonly state: string;

  constructor(
    facts: Pick<described.VersionConflictError, 'machine' | 'id' | 'expected' | 'version' | 'state'>,
    details?: ErrorDetails,
  ) {
    const { expected, version, state } = facts;
    const detail = `${instance(facts)} has version ${version}, not ${expected}, and is in '${state}'`;
    super('ERR_VERSION_CONFLICT', { detail, ...details });
    this.machine = facts.machine;
    this.id = facts.id;
    this.expected = expected;
    this.version = version;
    this.state = state;
  }
}

export class StateNotReachedError extends ActonceError {
  declare readonly code: 'ERR_STATE_NOT_REACHED';
  override readonly retryable: boolean;
  readonly machine: string;
  readonly id: string;
  readonly reason: 'timeout' | 'unreachable';
  readonly state: string;
  readonly wanted: readonly string[];

  constructor(
    facts: Pick<described.StateNotReachedError, 'machine' | 'id' | 'reason' | 'state' | 'wanted'>,
    details?: ErrorDetails,
  ) {
    const { reason, state, wanted } = facts;
    const why = reason === 'timeout' ? 'has not reached' : 'cannot reach';
    const detail = `${instance(facts)} is in '${state}' and ${why} ${named(wanted)}`;
    super('ERR_STATE_NOT_REACHED', { detail, ...details });
    this.retryable = reason === 'timeout';
    this.machine = facts.machine;
    this.id = facts.id;
    this.reason = reason;
    this.state = state;
    this.wanted = wanted;
  }
}

export class UnknownStateError extends ActonceError {
  declare readonly code: 'ERR_UNKNOWN_STATE';
  readonly machine: string;
  readonly id: string;
  readonly state: string;

  constructor(facts: Pick<described.UnknownStateError, 'machine' | 'id' | 'state'>, details?: ErrorDetails) {
    const detail = `${instance(facts)} is in '${facts.state}', and the config has no states.${facts.state}`;
    super('ERR_UNKNOWN_STATE', { detail, ...details });
    this.machine = facts.machine;
    this.id = facts.id;
    this.state = facts.state;
  }
}

nameErrors({ InvalidTransitionError, VersionConflictError, StateNotReachedError, UnknownStateError });
