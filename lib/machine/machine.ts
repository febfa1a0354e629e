/** A defined machine: checks what is asked of its instances, and hands it to the client that keeps them. */
import type {
  ActonceClient,
  DuringOptions,
  HistoryEntry,
  IdempotencyContext,
  Instance,
  MachineEvent,
  SendOptions,
  StateMachine,
  Transition,
  WaitForOptions,
} from '../../index';
import { checkKey, isKey } from '../call/identity';
import { defaultClient } from '../client/default-client';
import { invalid } from '../errors';
import { type Answer, Tag } from '../native/answer';
import { firedOf, wasCreated } from '../native/instance-answer';
import { anything, check, ofType, type Rule, rulesOf, show } from '../rules';
import { allowed, type Definition } from './definition';
import { runDuring } from './during';
import { fieldsOfEvent, nameOfEvent } from './event';
import { type HistoryText, readHistory } from './history';
import { type Instances, instancesOf, type Question, type Subject } from './instances';
import { stateDiagram } from './mermaid';
import { type Caller, type Footprint, Movable, type RunNames, STEP, type StepOptions } from './movable';
import { waitForState } from './wait';

const isKeyText: Rule = (value) => {
  try {
    checkKey(value);
    return undefined;
  } catch (error) {
    return `cannot be used: ${(error as Error).message}`;
  }
};

const CREATE_RULES = rulesOf({ data: anything });
const SEND_RULES = rulesOf<keyof SendOptions>({ ...STEP, idempotencyKey: isKeyText });
const DIAGRAM_RULES = rulesOf({ current: ofType('string') });

export class Machine extends Movable implements StateMachine<string, string>, Subject {
  readonly id: string;
  readonly states: readonly string[];
  readonly events: readonly string[];
  readonly initial: string;
  readonly definition: Definition;
  readonly text: string;
  readonly #client: ActonceClient | undefined;
  readonly #eventNumbers: ReadonlyMap<string, number>;

  constructor(definition: Definition, text: string, client: ActonceClient | undefined) {
    super();
    this.definition = definition;
    this.text = text;
    this.#client = client;
    this.id = definition.id;
    this.states = definition.states.map(({ name }) => name);
    this.events = definition.events.map(({ name }) => name);
    this.initial = this.states[definition.initial] ?? '';
    this.#eventNumbers = new Map(this.events.map((name, index) => [name, index]));
  }

  /** The client at this moment. */
  get client(): ActonceClient {
    return this.#client ?? defaultClient();
  }

  instances(): Instances {
    return instancesOf(this.client);
  }

  allowed(state: string): string[] {
    return allowed(this.definition, this.stateNumber(state));
  }

  isFinal(state: string): boolean {
    return this.definition.states[this.stateNumber(state)]?.final === true;
  }

  toMermaid(options: { current?: string | undefined } = {}): string {
    check(DIAGRAM_RULES, options);
    if (options.current !== undefined) this.stateNumber(options.current);
    return stateDiagram(this.definition, options.current);
  }

  async create(id: string, options: { data?: unknown } = {}): Promise<Instance<string> & { created: boolean }> {
    checkId(id);
    check(CREATE_RULES, options);
    const instances = this.instances();
    const data = await instances.encode(options.data, 'data');
    const number = instances.numberOf(this);
    const budgetMs = instances.host.totalTimeoutMs;
    return instances.ask(
      (native, op) => native.create(op, number, id, data, budgetMs),
      (answer) => {
        if (answer.tag !== Tag.INSTANCE) throw instances.errorOf(this, answer, { id });
        return { ...instances.instance(this, answer), created: wasCreated(answer) };
      },
    );
  }

  send(id: string, event: MachineEvent<string>, options: SendOptions = {}): Promise<Transition<string>> {
    try {
      check(SEND_RULES, options);
      return this.move(id, event, options, options.idempotencyKey, undefined);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  move(
    id: string,
    event: MachineEvent<string>,
    options: StepOptions,
    key: string | undefined,
    caller: Caller | undefined,
  ): Promise<Transition<string>> {
    checkId(id);
    const name = nameOfEvent(event);
    const eventNumber = this.#eventNumbers.get(name);
    if (eventNumber === undefined) {
      throw invalid(`the event ${show(name)} is not one of '${this.id}': ${this.events.join(', ')}`);
    }
    const { expectedVersion, create } = options;
    const question: Question = { id, event: name, expectedVersion, caller };
    const instances = this.instances();
    const number = instances.numberOf(this);
    const payload = typeof event === 'object' ? instances.encode(fieldsOfEvent(event), 'the event') : null;
    const data = instances.encode(options.data, 'data');
    const send = (dataText: string | null, payloadText: string | null) =>
      instances.ask(
        (native, op) =>
          native.send(
            op,
            number,
            id,
            eventNumber,
            dataText,
            payloadText,
            key ?? null,
            expectedVersion ?? -1,
            create === true ? 1 : 0,
            caller?.record ?? null,
            caller?.fence ?? 0,
            caller?.attempt ?? 0,
            caller?.retentionMs ?? 0,
            instances.host.totalTimeoutMs,
          ),
        (answer) => {
          if (answer.tag !== Tag.MOVED) throw instances.errorOf(this, answer, question);
          return instances.transition(this, answer);
        },
      );
    // Only data with a Blob inside takes time.
    if (!(data instanceof Promise) && !(payload instanceof Promise)) return send(data, payload);
    return Promise.all([data, payload]).then(([late, latePayload]) => send(late, latePayload));
  }

  async get(id: string): Promise<Instance<string> | undefined> {
    return this.#look(id, 'glance', (instances, answer) => {
      if (answer.tag === Tag.ABSENT) return undefined;
      if (answer.tag !== Tag.INSTANCE) throw instances.errorOf(this, answer, { id });
      return instances.instance(this, answer);
    });
  }

  async history(id: string): Promise<HistoryEntry<string, string>[]> {
    return this.#look(id, 'history', (instances, answer) => {
      if (answer.tag === Tag.ABSENT) return [];
      if (answer.tag !== Tag.RECORD) throw instances.errorOf(this, answer, { id });
      const entries = JSON.parse(answer.payload ?? '') as HistoryText[];
      return entries.map((entry) => readHistory(entry, instances));
    });
  }

  /** Everything that an instance remembers, oldest first. */
  async trail(id: string, run: RunNames): Promise<Footprint[]> {
    return this.#look(id, JSON.stringify(run), (instances, answer) => {
      if (answer.tag !== Tag.RECORD) throw instances.errorOf(this, answer, { id });
      return JSON.parse(answer.payload ?? '') as Footprint[];
    });
  }

  /**
   * Fires the instance's `after` if it is due, and says how many fired. A store may list what is no id: then the
   * promise rejects, and nothing is thrown.
   */
  async fire(id: string): Promise<number> {
    return this.#look(id, 'drain', (instances, answer) => {
      // The instance was deleted, or only another version of the config or of actonce knows what to do with it.
      if (answer.tag === Tag.ABSENT || answer.tag === Tag.UNKNOWN_STATE || answer.tag === Tag.UNREADABLE) return 0;
      if (answer.tag !== Tag.INSTANCE) throw instances.errorOf(this, answer, { id });
      return firedOf(answer);
    });
  }

  #look<T>(id: string, purpose: string, read: (instances: Instances, answer: Answer) => T): Promise<T> {
    checkId(id);
    const instances = this.instances();
    const number = instances.numberOf(this);
    const budgetMs = instances.host.totalTimeoutMs;
    const call = (answer: Answer) => read(instances, answer);
    return instances.ask((native, op) => native.look(op, number, id, purpose, budgetMs), call);
  }

  async waitFor(
    id: string,
    state: string | readonly string[],
    options: WaitForOptions = {},
  ): Promise<Instance<string>> {
    checkId(id);
    const wanted = (typeof state === 'string' ? [state] : state).map((name) => this.stateNumber(name));
    return waitForState(this, id, wanted, options);
  }

  async during<T>(
    id: string,
    options: DuringOptions<T, string>,
    fn: (instance: Transition<string>, ctx: IdempotencyContext) => T | PromiseLike<T>,
  ): Promise<T> {
    checkId(id);
    return runDuring(this, id, options, fn);
  }

  stateNumber(name: string): number {
    const index = this.states.indexOf(name);
    if (index < 0) throw invalid(`the state ${show(name)} is not one of '${this.id}': ${this.states.join(', ')}`);
    return index;
  }
}

/** The id of an instance is as hostile as an idempotency key, and has the same rule. */
function checkId(id: unknown): asserts id is string {
  if (!isKey(id)) throw invalid('the id of an instance must be 1 to 255 bytes of well-formed UTF-8');
}
