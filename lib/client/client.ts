/**
 * A client: one store, its settings, and the calls under way. Nothing connects before the first call.
 */
import type { InspectOptions } from 'node:util';
import type {
  ActonceClient,
  ClientOptions,
  CloseOptions,
  IdempotencyOptions,
  RecordTarget,
  RecordView,
  ResetOptions,
  Resolution,
  Subscribe,
  WithIdempotency,
} from '../../index';
import { announceOnce, isDevelopment } from '../announce';
import { OutcomeCache } from '../call/cache';
import type { View } from '../call/call';
import { Events } from '../call/events';
import { Flights } from '../call/flights';
import { HOST, type Host } from '../call/host';
import { outcomeOf, returnOrThrow, runOnce } from '../call/idempotency';
import { type Settings, settingsOfClient } from '../call/options';
import { ActonceError } from '../errors';
import { addonFor, Binding, type NativeModule } from '../native/binding';
import { executorFor } from '../native/runtime';
import { Results } from '../outcome/results';
import {
  CLIENT_DEFAULTS,
  CLOSE_DEFAULTS,
  cacheLimits,
  checkClientOptions,
  checkClose,
  durabilityOf,
} from './client-options';
import { secretFromEnvironment, urlFromEnvironment } from './environment';
import { Operator } from './operator';
import { sealOptions } from './seal-options';
import { enterSpace, shownUrl } from './space';
import { tlsOptions } from './tls-options';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

function secretsOf(given: ClientOptions['secret']): readonly string[] {
  const secret = given ?? secretFromEnvironment() ?? [];
  return typeof secret === 'string' ? [secret] : secret;
}

export class Client implements ActonceClient, Host {
  readonly binding: Binding;
  readonly settings: Settings;
  readonly results: Results;
  readonly events: Events;
  readonly flights: Flights;
  /** None with the embedded store, which is just as near. */
  readonly cache: OutcomeCache | undefined;
  /** The store and prefix that identities belong to. */
  readonly space: string;
  readonly totalTimeoutMs: number;
  readonly isDevelopment = isDevelopment();
  readonly isDisabled = process.env.ACTONCE_DISABLED === '1';
  readonly on: Subscribe;
  readonly #operator: Operator;
  readonly [HOST]: Host = this;
  readonly #leaveSpace: () => void;
  readonly #shown: { readonly url: string; readonly prefix: string };
  #closing: Promise<void> | undefined;
  /** Calls and recordings under way. */
  #pending = 0;
  #onIdle: (() => void) | undefined;

  /** @param addon stands in for the platform's addon, for tests */
  constructor(options: ClientOptions, events = new Events(), addon?: NativeModule) {
    const native = addon ?? addonFor(this.isDisabled);
    checkClientOptions(options);
    this.events = events;
    this.on = events.on;
    this.settings = settingsOfClient(options.defaults);
    const limits = cacheLimits(options.cache);
    const url = options.url ?? urlFromEnvironment(this.isDisabled);
    const prefix = options.prefix ?? CLIENT_DEFAULTS.prefix;
    const secrets = secretsOf(options.secret);
    this.totalTimeoutMs = options.totalTimeoutMs ?? CLIENT_DEFAULTS.totalTimeoutMs;
    this.cache = limits === undefined || url.startsWith('memory:') ? undefined : new OutcomeCache(limits);
    this.results = new Results(options.codec, options.errors ?? [], options.values ?? []);
    const durability = durabilityOf(options);
    const config = {
      url,
      prefix,
      secrets,
      executor: executorFor(options.executor ?? CLIENT_DEFAULTS.executor),
      connectTimeoutMs: options.connectTimeoutMs ?? CLIENT_DEFAULTS.connectTimeoutMs,
      commandTimeoutMs: options.commandTimeoutMs ?? CLIENT_DEFAULTS.commandTimeoutMs,
      ...sealOptions(options),
      ...tlsOptions(options.tls, url),
      ...(durability === undefined ? {} : { durability }),
      ...((options.eviction ?? CLIENT_DEFAULTS.eviction) === 'refuse' ? { refusesEviction: true } : {}),
    };
    this.binding = new Binding(config, native);
    const space = enterSpace(url, prefix, secrets);
    this.space = space.name;
    this.#leaveSpace = space.leave;
    this.#shown = { url: shownUrl(url), prefix };
    this.flights = new Flights(this.binding, this.totalTimeoutMs);
    this.#operator = new Operator(this);
    if (this.isDisabled) announceOnce('disabled', 'ACTONCE_DISABLED=1: every function runs every time, unprotected.');
  }

  readonly withIdempotency: WithIdempotency = Object.assign(this.#caller(returnOrThrow), {
    outcome: this.#caller(outcomeOf),
  }) as WithIdempotency;

  #caller(view: View) {
    return (key: unknown, fn: unknown, options?: IdempotencyOptions) => runOnce(this, key, fn, options, view);
  }

  async inspect(target: RecordTarget): Promise<RecordView | undefined> {
    return this.#while(() => this.#operator.inspect(target));
  }

  async reset(target: RecordTarget, options: ResetOptions = {}): Promise<'reset' | 'absent'> {
    return this.#while(() => this.#operator.reset(target, options));
  }

  async resolve(target: RecordTarget, resolution: Resolution): Promise<'resolved' | 'settled' | 'absent'> {
    return this.#while(() => this.#operator.resolve(target, resolution));
  }

  async #while<T>(work: () => Promise<T>): Promise<T> {
    this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** @throws ActonceError `ERR_CLOSED` */
  enter(): void {
    if (this.#closing !== undefined) throw new ActonceError('ERR_CLOSED');
    this.#pending++;
  }

  leave(): void {
    this.#pending--;
    if (this.#pending === 0) this.#onIdle?.();
  }

  /** Counts work that goes on after its caller has been answered, until `leave` is called. */
  stay(): void {
    this.#pending++;
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkClose(options);
    this.#closing ??= this.#drain(options.graceMs ?? CLOSE_DEFAULTS.graceMs).then(() => this.#end());
    return this.#closing;
  }

  #end(): void {
    this.#leaveSpace();
    this.binding.close();
  }

  #drain(graceMs: number): Promise<void> {
    if (this.#pending === 0 || graceMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What `console.log` and loggers show. */
  [INSPECT](
    _depth: number,
    options: InspectOptions,
    inspect: (value: unknown, options: InspectOptions) => string,
  ): string {
    return `ActonceClient ${inspect(this.#shown, options)}`;
  }

  toJSON(): object {
    return this.#shown;
  }
}

export function createClient(options: ClientOptions = {}): ActonceClient {
  return new Client(options);
}
