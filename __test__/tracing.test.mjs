// J3: what OpenTelemetry is told of each call, with its real SDK. Nothing is asked of a call's code: the span's children
// nest by themselves.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createClient, currentIdempotency } from './support/actonce.mjs';
import { heldRun } from './support/held-run.mjs';
import { leaseOver, reach } from './support/states.mjs';
import { conformance } from './support/stores.mjs';

const { onEachStore } = conformance(createClient);
const KEY = 'a-key-no-trace-may-show';
const scope = ['placeOrder', 'user-1'];
const target = { key: KEY, scope };

/** Reads when it is asked. */
class OnDemand extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}

const exporter = new InMemorySpanExporter();
let reader;

function register() {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  reader = new OnDemand();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
}

before(register);
afterEach(() => exporter.reset());
after(() => {
  for (const api of [trace, metrics, context]) api.disable();
});

/** The spans of calls that have ended, in that order, without what differs by nature. */
function spans() {
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

const SPAN = { name: 'idempotency placeOrder', operation: 'placeOrder', attempt: 1, isError: false };
const executed = { ...SPAN, status: 'executed', kind: 'value', events: ['claimed', 'completed'] };
const failing = (error) => () => Promise.reject(error);
const flow = (digest) => failing(Object.assign(new Error(digest), { digest }));

onEachStore('J3 a run and its replays', async ({ client }) => {
  const [one, other] = [client({ cache: false }), client({ cache: false })];
  await one.withIdempotency(KEY, () => 'paid', { scope });
  await other.withIdempotency(KEY, () => 'paid', { scope });
  assert.deepEqual(spans(), [executed, { ...SPAN, status: 'replayed', kind: 'value', events: ['replayed'] }]);
  const text = JSON.stringify(
    exporter.getFinishedSpans().map(({ name, attributes, events }) => [name, attributes, events]),
  );
  assert.ok(!text.includes(KEY), 'the key itself is nowhere');
  assert.equal(exporter.getFinishedSpans()[0].attributes['actonce.key.hash'], (await one.inspect(target)).hash);
});

onEachStore('J3 fn runs inside the span, and the span inside its caller’s', async ({ client }) => {
  const tracer = trace.getTracer('test');
  await tracer.startActiveSpan('POST /', async (request) => {
    await client().withIdempotency(
      KEY,
      async () => {
        await null;
        tracer.startActiveSpan('charge', (span) => span.end());
      },
      { scope },
    );
    request.end();
  });
  const parents = exporter.getFinishedSpans().map((span) => {
    return { name: span.name, id: span.spanContext().spanId, parent: span.parentSpanContext?.spanId };
  });
  const [charge, call, request] = parents;
  assert.deepEqual(
    parents.map(({ name }) => name),
    ['charge', 'idempotency placeOrder', 'POST /'],
  );
  assert.deepEqual([charge.parent, call.parent, request.parent], [call.id, request.id, undefined]);
});

onEachStore('J3 who joined and who waited', async ({ client }) => {
  const [one, other] = [client(), client()];
  const run = heldRun();
  const owner = one.withIdempotency(KEY, run.fn, { scope });
  await run.started;
  const joined = one.withIdempotency(KEY, run.fn, { scope });
  const waiting = other.withIdempotency(KEY, run.fn, { scope });
  const refused = other.withIdempotency(KEY, run.fn, { scope, onDuplicate: 'reject' });
  await assert.rejects(refused, { code: 'ERR_IN_PROGRESS' });
  run.returns('paid');
  await Promise.all([owner, joined, waiting]);
  const ended = new Map(spans().map(({ status, ...span }) => [status, span]));
  assert.deepEqual([...ended.keys()].sort(), ['executed', 'joined', 'refused', 'replayed']);
  assert.deepEqual(ended.get('joined').events, ['joined']);
  assert.deepEqual(ended.get('replayed').events, ['waited', 'replayed']);
  const { attempt: _, ...isRefused } = ended.get('refused');
  assert.deepEqual(isRefused, {
    name: SPAN.name,
    operation: SPAN.operation,
    'error.type': 'ERR_IN_PROGRESS',
    events: ['in-progress'],
    isError: true,
  });
});

onEachStore('J3 a takeover after a crash', async ({ client }) => {
  await reach.vanished(client(), KEY, { scope });
  const successor = client();
  await leaseOver(successor, target);
  exporter.reset();
  await successor.withIdempotency(KEY, () => 'paid', { scope });
  assert.deepEqual(spans(), [{ ...executed, attempt: 2, events: ['claimed', 'takeover', 'completed'] }]);
});

describe('J3 how a call ends', () => {
  const call = (fn, options) =>
    createClient({ url: 'memory:tracing' }).withIdempotency(crypto.randomUUID(), fn, { scope, ...options });

  it('a redirect and a 404 page are outcomes, not errors', async () => {
    await assert.rejects(call(flow('NEXT_REDIRECT;push;/done;307;')));
    await assert.rejects(call(flow('NEXT_HTTP_ERROR_FALLBACK;404')));
    assert.deepEqual(spans(), [
      { ...executed, kind: 'redirect' },
      { ...executed, kind: 'http' },
    ]);
  });

  it('an error of fn is one, with the exception', async () => {
    await assert.rejects(call(failing(new RangeError('declined'))));
    const events = ['claimed', 'released', 'exception'];
    assert.deepEqual(spans(), [{ ...executed, kind: 'error', 'error.type': 'RangeError', events, isError: true }]);
  });

  it('bad arguments have no hash', async () => {
    await assert.rejects(
      call(() => 'paid', { leaseMs: -1 }),
      { code: 'ERR_INVALID_ARGUMENT' },
    );
    const [span] = exporter.getFinishedSpans();
    assert.equal(span.attributes['error.type'], 'ERR_INVALID_ARGUMENT');
    assert.ok(!('actonce.key.hash' in span.attributes));
  });

  it('a caller that cancels is no error', async () => {
    const signal = AbortSignal.abort(new Error('left'));
    await assert.rejects(
      call(() => 'paid', { signal }),
      { message: 'left' },
    );
    assert.deepEqual(
      spans().map(({ status, isError }) => [status, isError]),
      [['cancelled', false]],
    );
  });

  it('a call that is let through has its span, too', async () => {
    await call(() => 'paid', { enabled: false });
    assert.deepEqual(spans(), [{ ...executed, events: [] }]);
  });

  it('an operation of any kind breaks nothing', async () => {
    const hostile = { toString: () => assert.fail('it was read') };
    await assert.rejects(
      call(() => 'paid', { scope: [hostile] }),
      { code: 'ERR_INVALID_ARGUMENT' },
    );
    await call(() => 'paid', { scope: 'user-1' });
    assert.deepEqual(
      spans().map(({ name }) => name),
      ['idempotency', 'idempotency'],
    );
  });
});

it('J3 metrics: how long calls take and what an operator should hear of, by operation and outcome', async () => {
  // What the tests above measured is in there as well: an operation of its own.
  const client = createClient({ url: 'memory:metrics', defaults: { maxResultBytes: 10 } });
  const call = (value) => client.withIdempotency(KEY, () => value, { scope: ['measured'] });
  await call('x'.repeat(20));
  await assert.rejects(call('again'), { code: 'ERR_RESULT_UNAVAILABLE' });
  const { resourceMetrics } = await reader.collect();
  const found = Object.fromEntries(
    resourceMetrics.scopeMetrics
      .flatMap(({ metrics: all }) => all)
      .map(({ descriptor: { name, unit }, dataPoints }) => {
        const ours = dataPoints.filter(({ attributes }) => attributes['actonce.operation'] === 'measured');
        const points = ours.map(({ attributes: { 'actonce.operation': _, ...rest }, value }) => [
          rest,
          value.count ?? value,
        ]);
        return [`${name} in ${unit}`, points];
      }),
  );
  assert.deepEqual(found, {
    'actonce.call.duration in s': [
      [{ 'actonce.status': 'executed' }, 1],
      [{ 'actonce.status': 'refused', 'error.type': 'ERR_RESULT_UNAVAILABLE' }, 1],
    ],
    'actonce.incidents in {incident}': [[{ 'actonce.incident': 'result-unrecorded' }, 1]],
  });
});

it('J3 log lines below fn: hash and attempt are in the context, the key need not be', async () => {
  const client = createClient({ url: 'memory:logs' });
  const log = () => {
    const { hash, attempt, recovered } = currentIdempotency();
    return { hash, attempt, recovered };
  };
  const logged = await client.withIdempotency(KEY, async () => log(), { scope });
  assert.deepEqual(logged, { hash: (await client.inspect(target)).hash, attempt: 1, recovered: false });
  assert.equal(await client.withIdempotency(undefined, (ctx) => ctx.hash ?? 'none', { skip: true }), 'none');
});

it('J3 without a provider nothing is made, and one that comes later is heard', async () => {
  for (const api of [trace, metrics, context]) api.disable();
  const client = createClient({ url: 'memory:later' });
  await client.withIdempotency('before', () => 'paid', { scope });
  assert.deepEqual(exporter.getFinishedSpans(), []);
  register();
  await client.withIdempotency('after', () => 'paid', { scope });
  assert.deepEqual(spans(), [executed]);
});
