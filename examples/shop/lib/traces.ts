import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** Prints each order's trace on the terminal: what a real shop would send to its tracing system. */
export function printTraces(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new Printer()] }));
}

class Printer implements SpanProcessor {
  /** The calls under way, each with what has ended below it. */
  #calls = new Map<string, ReadableSpan[]>();

  onStart(span: ReadableSpan): void {
    if (span.name.startsWith('idempotency')) this.#calls.set(span.spanContext().spanId, []);
  }

  onEnd(span: ReadableSpan): void {
    const { spanId, traceId } = span.spanContext();
    this.#calls.get(span.parentSpanContext?.spanId ?? '')?.push(span);
    const below = this.#calls.get(spanId);
    if (below === undefined) return;
    this.#calls.delete(spanId);
    // Next's own span of the request is above: it does not end when the connection breaks before the answer.
    console.log([`trace ${traceId}`, `  ${line(span)}`, ...below.map((child) => `    ${line(child)}`)].join('\n'));
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
