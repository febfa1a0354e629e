/**
 * What state machines ask of one client: commands on instances, sent and answered. This module knows what an answer
 * means, and no more of a machine than its definition.
 */
import type { ActonceClient, Instance, Transition } from '../../index';
import { HOST, type Host } from '../call/host';
import { ActonceError, invalid, KeyReusedError, LeaseLostError } from '../errors';
import { type Answer, storeError, Tag } from '../native/answer';
import type { InstanceCall } from '../native/binding';
import { nameOf, readInstance, readTransition, stateOf } from '../native/instance-answer';
import { type Encoded, wholeText } from '../outcome/codec';
import { isEncoded, type Unkept, whyUnencodable } from '../outcome/results';
import { allowed, type Definition } from './definition';
import { InvalidTransitionError, UnknownStateError, VersionConflictError } from './errors';
import type { Caller } from './movable';

/** A host holds its {@link Instances} under this symbol. All copies of this module share the symbol. */
const INSTANCES = Symbol.for('actonce.instances');

const LARGEST_DATA_BYTES = 262_144;

/** What a question about an instance needs of its machine. */
export interface Subject {
  readonly definition: Definition;
  /** The definition as the addon takes it. */
  readonly text: string;
}

/** What a refusal says besides what the store answered. */
export interface Question {
  readonly id: string;
  readonly event?: string;
  readonly expectedVersion?: number | undefined;
  /** The attempt that has asked. */
  readonly caller?: Caller | undefined;
}

type Hung = Host & { [INSTANCES]?: Instances };

/**
 * The instances of a client. One object serves all machines, because the addon numbers machines by client.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`
 */
export function instancesOf(client: ActonceClient): Instances {
  const host = (client as { [HOST]?: Hung })[HOST];
  if (host === undefined) throw invalid('the client of this state machine was not made by createClient');
  return host[INSTANCES] ?? hang(host);
}

function hang(host: Hung): Instances {
  const instances = new Instances(host);
  host[INSTANCES] = instances;
  return instances;
}

export class Instances {
  readonly host: Host;
  /** The numbers under which the addon knows machines, by the text of their definition. */
  readonly #numbers = new Map<string, number>();

  constructor(host: Host) {
    this.host = host;
  }

  /** The number under which this client's addon knows the machine. */
  numberOf({ text }: Subject): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    const reason = this.host.binding.define(number, text);
    if (reason !== undefined) throw invalid(reason);
    this.#numbers.set(text, number);
    return number;
  }

  /**
   * Sends a command and resolves to what `read` makes of the answer. Rejects with what `read` throws, and with
   * `ERR_CLOSED` on a closed client.
   */
  ask<T>(call: InstanceCall, read: (answer: Answer) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const { host } = this;
      host.enter();
      const receive = (answer: Answer) => {
        host.leave();
        try {
          resolve(read(answer));
        } catch (error) {
          reject(error);
        }
      };
      host.binding.ask(host.binding.open({ receive }), call);
    });
  }

  /**
   * @returns null where there is nothing to keep
   * @throws ActonceError `ERR_INVALID_ARGUMENT` when the value cannot be kept
   */
  encode(value: unknown, what: string): string | null | Promise<string> {
    if (value === undefined) return null;
    const encoded = this.host.results.encode(value, LARGEST_DATA_BYTES);
    return encoded instanceof Promise ? encoded.then((late) => kept(late, what)) : kept(encoded, what);
  }

  decode(text: string): unknown {
    const ending = this.host.results.decode(text, { hash: () => undefined });
    return ending.kind === 'value' ? ending.value : undefined;
  }

  instance({ definition }: Subject, answer: Answer): Instance<string, never> {
    return readInstance(answer, definition.states, this.#data(answer));
  }

  transition({ definition }: Subject, answer: Answer): Transition<string, never> {
    return readTransition(answer, definition.states, this.#data(answer));
  }

  #data({ payload }: Answer): never {
    return (payload === null ? undefined : this.decode(payload)) as never;
  }

  /** The error that an answer stands for, when it is not an instance. */
  errorOf({ definition }: Subject, answer: Answer, question: Question): ActonceError {
    const { id, event = '' } = question;
    const machine = definition.id;
    const { attempt: version } = answer;
    switch (answer.tag) {
      case Tag.ILLEGAL: {
        const from = nameOf(definition.states, stateOf(answer));
        const ways = allowed(definition, stateOf(answer));
        return new InvalidTransitionError({ machine, id, from, event, allowed: ways, version });
      }
      case Tag.CONFLICT: {
        const { expectedVersion: expected = 0 } = question;
        return new VersionConflictError({
          machine,
          id,
          expected,
          version,
          state: nameOf(definition.states, stateOf(answer)),
        });
      }
      case Tag.ABSENT:
        return new ActonceError('ERR_NOT_FOUND', { detail: `${machine} '${id}'` });
      case Tag.UNKNOWN_STATE:
        return new UnknownStateError({ machine, id, state: answer.payload ?? '' });
      case Tag.MISMATCH:
        return new KeyReusedError({
          detail: `with it ${machine} '${id}' got '${answer.payload ?? ''}', not '${event}'`,
        });
      case Tag.STALE:
        return new LeaseLostError('refused', {
          detail: `${machine} '${id}' has seen a newer attempt of this key`,
          hash: question.caller?.hash(),
        });
      default:
        return storeError(answer, undefined);
    }
  }
}

function kept(encoded: Encoded | Unkept, what: string): string {
  if (isEncoded(encoded)) return wholeText(encoded);
  const { reason, path, cause } = encoded;
  const place = path === undefined ? what : what + (path.startsWith('[') ? path : `.${path}`);
  const detail =
    reason === 'too-large' ? `${what} is larger than ${LARGEST_DATA_BYTES} bytes` : whyUnencodable(place, cause);
  throw new ActonceError('ERR_INVALID_ARGUMENT', { detail, cause });
}
