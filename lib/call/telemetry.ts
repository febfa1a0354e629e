/**
 * A span and a measurement for each call, if the application has registered an OpenTelemetry provider. Next itself
 * makes no span for a Server Action. Without a provider, a call pays for a single look at a global. docs/tracing.md
 * names every attribute.
 */
import type { Context, Counter, Histogram, Span, Tracer } from '@opentelemetry/api';
import type { IdempotencyEvent, Scope } from '../../index';
import { reportHook } from '../announce';
import { isActonceError } from '../errors';
import type { Ending, Settled } from '../outcome/results';
import { operationOf } from './identity';

type Api = typeof import('@opentelemetry/api');

interface Instruments {
  readonly api: Api;
  readonly tracer: Tracer;
  readonly duration: Histogram;
  readonly incidents: Counter;
}

/** Where every copy of the API finds what was registered. */
const REGISTRY = Symbol.for('opentelemetry.js.api.1');
interface Registry {
  readonly trace?: object;
  readonly metrics?: object;
}

let last: (Registry & { readonly instruments: Instruments | undefined }) | undefined;

function instruments(): Instruments | undefined {
  const registry = (globalThis as { [REGISTRY]?: Registry })[REGISTRY];
  if (registry === undefined) return undefined;
  const { trace, metrics } = registry;
  if (trace === undefined && metrics === undefined) return undefined;
  if (last === undefined || last.trace !== trace || last.metrics !== metrics) {
    last = { ...(trace && { trace }), ...(metrics && { metrics }), instruments: make() };
  }
  return last.instruments;
}

/** Undefined when the application has a copy of the API that cannot be found from here. */
function make(): Instruments | undefined {
  let api: Api;
  try {
    api = require('@opentelemetry/api') as Api;
  } catch {
    return undefined;
  }
  const meter = api.metrics.getMeter('actonce');
  return {
    api,
    tracer: api.trace.getTracer('actonce'),
    duration: meter.createHistogram('actonce.call.duration', {
      description: 'How long a call took, whether it ran its function or not',
      unit: 's',
      advice: {
        explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      },
    }),
    incidents: meter.createCounter('actonce.incidents', {
      description:
        'What an operator should hear of: a takeover, a lost lease, a refused or missing record, a failing store',
      unit: '{incident}',
    }),
  };
}

const INCIDENTS: ReadonlySet<IdempotencyEvent['type']> = new Set([
  'takeover',
  'lease-lost',
  'stale-write',
  'result-unrecorded',
  'store-error',
]);

type Value = string | number | boolean;
type Attributes = Readonly<Record<string, Value>>;

interface Failure {
  readonly error: unknown;
  /**
   * Whether the `fn` of this call threw the error: it is not a refusal, and not the recorded error of an earlier call.
   */
  readonly isThrownHere: boolean;
}

/** An error of an exporter or a processor alters no outcome: the call that it is told of has run. */
function guarded<T>(tell: () => T): T | undefined {
  try {
    return tell();
  } catch (error) {
    reportHook('OpenTelemetry', error);
    return undefined;
  }
}

/** One call, as it is traced. */
export class Observation {
  readonly #instruments: Instruments;
  readonly #operation: Record<string, string>;
  readonly #span: Span;
  /** The caller's context, with the span in it. */
  readonly #context: Context;
  readonly #startedAt = performance.now();
  #isOver = false;

  /** Undefined when nobody has asked for telemetry. */
  static start(scope: Scope | undefined): Observation | undefined {
    const found = instruments();
    return found && guarded(() => new Observation(found, operationOf(scope)));
  }

  private constructor(found: Instruments, operation: string | undefined) {
    const { api, tracer } = found;
    this.#instruments = found;
    this.#operation = operation === undefined ? {} : { 'actonce.operation': operation };
    const name = operation === undefined ? 'idempotency' : `idempotency ${operation}`;
    const caller = api.context.active();
    this.#span = tracer.startSpan(name, { attributes: this.#operation }, caller);
    this.#context = api.trace.setSpan(caller, this.#span);
  }

  /** Runs `fn` so that the spans it makes are children of this one. */
  run<T>(fn: () => T): T {
    let ended: { readonly value: T } | { readonly thrown: unknown } | undefined;
    const kept = () => {
      try {
        const value = fn();
        ended = { value };
        return value;
      } catch (thrown) {
        ended = { thrown };
        throw thrown;
      }
    };
    try {
      return this.#instruments.api.context.with(this.#context, kept);
    } catch (error) {
      // A context manager that fails neither keeps `fn` from running nor makes a failure of what it did.
      if (ended !== undefined && 'thrown' in ended) throw ended.thrown;
      reportHook('OpenTelemetry', error);
      return ended === undefined ? fn() : ended.value;
    }
  }

  tell(type: IdempotencyEvent['type'], particulars: Record<string, unknown>): void {
    guarded(() => this.#tell(type, particulars));
  }

  #tell(type: IdempotencyEvent['type'], particulars: Record<string, unknown>): void {
    if (INCIDENTS.has(type)) this.#instruments.incidents.add(1, { ...this.#operation, 'actonce.incident': type });
    if (this.#isOver || !this.#span.isRecording()) return;
    const attributes = attributesOf(particulars);
    this.#span.addEvent(type, attributes);
    if (type === 'claimed') this.#span.setAttributes(attributes);
    if (type === 'takeover') this.#span.setAttribute('actonce.recovered', true);
  }

  /** @param hash gives the key's hash; undefined when the call was refused before it had one */
  settled({ status, attempt, ending }: Settled, hash: () => string | undefined): void {
    const failure = ending.kind === 'error' ? { error: ending.error, isThrownHere: status === 'executed' } : undefined;
    this.#end(status, hash, failure, { 'actonce.attempt': attempt, 'actonce.kind': kindOf(ending) });
  }

  failed(error: unknown, hash: () => string | undefined): void {
    // Anything else is the caller's own signal, or Next giving up a rendering.
    if (isActonceError(error)) this.#end('refused', hash, { error, isThrownHere: false });
    else this.#end('cancelled', hash, undefined);
  }

  #end(status: string, hash: () => string | undefined, failure: Failure | undefined, more: Attributes = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    guarded(() => this.#finish(status, hash, failure, more));
  }

  #finish(status: string, hash: () => string | undefined, failure: Failure | undefined, more: Attributes): void {
    const error: Attributes = failure === undefined ? {} : { 'error.type': typeOf(failure.error) };
    const outcome: Attributes = { 'actonce.status': status, ...error };
    // A span that was not sampled is spared the hash, which is expensive.
    if (this.#span.isRecording()) this.#describe({ ...outcome, ...more }, hash(), failure);
    this.#span.end();
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    this.#instruments.duration.record(seconds, { ...this.#operation, ...outcome }, this.#context);
  }

  #describe(attributes: Attributes, hash: string | undefined, failure: Failure | undefined): void {
    this.#span.setAttributes(hash === undefined ? attributes : { ...attributes, 'actonce.key.hash': hash });
    if (failure === undefined) return;
    this.#span.setStatus({ code: this.#instruments.api.SpanStatusCode.ERROR });
    if (failure.isThrownHere && failure.error instanceof Error) this.#span.recordException(failure.error);
  }
}

/** Names attributes as the conventions want it: `retryAfterMs` is `actonce.retry_after_ms`. */
function attributesOf(particulars: Record<string, unknown>): Attributes {
  const attributes: Record<string, Value> = {};
  for (const [name, value] of Object.entries(particulars)) {
    const word = name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
    attributes[`actonce.${word}`] = value as Value;
  }
  return attributes;
}

function kindOf(ending: Ending): string {
  return ending.kind === 'flow' ? ending.flow.kind : ending.kind;
}

/** A code or the name of a class: `error.type` wants few different values. */
function typeOf(error: unknown): string {
  if (isActonceError(error)) return error.code;
  return error instanceof Error ? error.name : '_OTHER';
}
