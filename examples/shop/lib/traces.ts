import { type Context, context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** Prints each order's trace on the terminal: what a real shop would send to its tracing system. */
export function printTraces(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new Printer()] }));
}

/** A call under way. */
interface Call {
  /** Next's span around it. It is not waited for: it does not end when the connection breaks before the answer. */
  request: ReadableSpan | undefined;
  /** What has ended below the call. */
  below: ReadableSpan[];
}

class Printer implements SpanProcessor {
  #calls = new Map<string, Call>();

  onStart(span: ReadableSpan, around: Context): void {
    if (!span.name.startsWith('idempotency')) return;
    // The API shows only what writes to a span; this SDK's spans can be read as well.
    const request = trace.getSpan(around) as unknown as ReadableSpan | undefined;
    this.#calls.set(span.spanContext().spanId, { request, below: [] });
  }

  onEnd(span: ReadableSpan): void {
    const { spanId, traceId } = span.spanContext();
    this.#calls.get(span.parentSpanContext?.spanId ?? '')?.below.push(span);
    const call = this.#calls.get(spanId);
    if (call === undefined) return;
    this.#calls.delete(spanId);
    const title = ['trace', traceId, call.request?.name].filter((part) => part !== undefined).join('  ');
    console.log([title, `  ${line(span)}`, ...call.below.map((child) => `    ${line(child)}`)].join('\n'));
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

function line({ name, duration: [seconds, nanoseconds], attributes, events }: ReadableSpan): string {
  const shown = ['status', 'kind', 'attempt', 'key.hash'].map((attribute) => attributes[`actonce.${attribute}`]);
  const told = events.map((event) => event.name).join(', ');
  const ms = `${Math.round(seconds * 1e3 + nanoseconds / 1e6)} ms`;
  return [name, ...shown, told && `(${told})`, ms].filter((part) => part !== undefined && part !== '').join('  ');
}
