// OpenTelemetry's real SDK in this process, and what it was told of calls.
import assert from 'node:assert/strict';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

/** Reads when it is asked. */
class OnDemand extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}

export const exporter = new InMemorySpanExporter();
let reader;

/** @param api the copy that the application has */
export function register(options, api = { context, trace, metrics }) {
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  api.trace.setGlobalTracerProvider(new BasicTracerProvider({ ...options, spanProcessors }));
  reader = new OnDemand();
  api.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
}

export function unregister() {
  for (const api of [trace, metrics, context]) api.disable();
}

/** What has been measured since `register`. */
export const measured = () => reader.collect();

/** The spans of calls that have ended, in that order, without what differs by nature. */
export function spans() {
  return exporter
    .getFinishedSpans()
    .filter(({ name }) => name.startsWith('idempotency'))
    .map(({ name, attributes, events, status }) => {
      const { 'actonce.key.hash': hash, 'actonce.fence': fence, ...rest } = attributes;
      if (hash !== undefined) assert.equal(hash.length, 22);
      if (fence !== undefined) assert.ok(fence > 1_700_000_000_000_000, `fence ${fence}`);
      const seen = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key.replace('actonce.', ''), value]));
      return { name, ...seen, events: events.map((event) => event.name), isError: status.code === 2 };
    });
}
