// J3: what OpenTelemetry is told of each call, with its real SDK. Nothing is asked of a call's code: the span's children
// nest by themselves.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { context, DiagLogLevel, diag, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { AlwaysOffSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { createClient, currentIdempotency } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { heldRun } from '../support/held-run.mjs';
import { startProxy } from '../support/proxy.mjs';
import { leaseOver, reach } from '../support/states.mjs';
import { exporter, measured, register, spans, unregister } from '../support/telemetry.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const KEY = 'a-key-no-trace-may-show';
const scope = ['placeOrder', 'user-1'];
const target = { key: KEY, scope };

const misuses = [];
before(() => {
  // How the SDK complains: of a span that is written to after its end, of an attribute that cannot be one.
  const complain = (message) => misuses.push(message);
  diag.setLogger({ error: complain, warn: complain, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  register();
});
afterEach(() => {
  for (const { name, kind, attributes, events, status } of exporter.getFinishedSpans()) {
    const text = JSON.stringify([name, attributes, events, status]);
    assert.ok(!text.includes(KEY), `the key is shown: ${text}`);
    assert.equal(kind, SpanKind.INTERNAL);
  }
  assert.deepEqual(misuses.splice(0), []);
  exporter.reset();
});
after(unregister);

const SPAN = { name: 'idempotency placeOrder', operation: 'placeOrder', attempt: 1, isError: false };
const executed = { ...SPAN, status: 'executed', kind: 'value', events: ['claimed', 'completed'] };
const failing = (error) => () => Promise.reject(error);
const flow = (digest) => failing(Object.assign(new Error(digest), { digest }));

onEachStore('J3 a run and its replays', async ({ client }) => {
  const [one, other] = [client({ cache: false }), client({ cache: false })];
  await one.withIdempotency(KEY, () => 'paid', { scope });
  await other.withIdempotency(KEY, () => 'paid', { scope });
  assert.deepEqual(spans(), [executed, { ...SPAN, status: 'replayed', kind: 'value', events: ['replayed'] }]);
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
  const events = ['claimed', 'takeover', 'completed'];
  assert.deepEqual(spans(), [{ ...executed, attempt: 2, recovered: true, events }]);
});

onEachStore('J3 a key that is used for something else, and an outcome that nobody knows', async ({ client }) => {
  const one = client();
  const call = (options) => one.withIdempotency(KEY, () => 'paid', { scope, ...options });
  await call({ payload: 1 });
  await assert.rejects(call({ payload: 2 }), { code: 'ERR_KEY_REUSED' });
  await one.reset(target);
  await reach.indeterminate(one, KEY, { scope });
  await assert.rejects(call({ onCrash: 'hold' }), { code: 'ERR_INDETERMINATE' });
  assert.deepEqual(
    spans().map((span) => [span.status, span['error.type'], span.events.join(', ')]),
    [
      ['executed', undefined, 'claimed, completed'],
      ['refused', 'ERR_KEY_REUSED', 'mismatch'],
      ['executed', 'Error', 'claimed, held, exception'],
      ['refused', 'ERR_INDETERMINATE', 'indeterminate'],
    ],
  );
});

onEachStore(
  'J3 a run that goes on without its caller ends the span once, when the caller is answered',
  async (world) => {
    const client = world.client();
    const run = heldRun();
    const call = client.withIdempotency(KEY, run.fn, { scope, leaseMs: 100, maxLeaseMs: 150 });
    await assert.rejects(call, { code: 'ERR_LEASE_LOST' });
    run.returns('late');
    await client.close();
    const [{ attempt: _, ...span }] = spans();
    assert.deepEqual(span, {
      name: SPAN.name,
      operation: SPAN.operation,
      status: 'refused',
      'error.type': 'ERR_LEASE_LOST',
      events: ['claimed', 'lease-lost'],
      isError: true,
    });
  },
);

onEachSharedStore('J3 a store that is away', async ({ t, client, redis }) => {
  const proxy = await startProxy({ to: redis.target });
  t.after(() => proxy.close());
  proxy.mode('refuse');
  const one = client({ url: proxy.url, totalTimeoutMs: 150 });
  const call = (onStoreUnavailable) => one.withIdempotency(KEY, () => 'paid', { scope, onStoreUnavailable });
  await assert.rejects(call('reject'), { code: 'ERR_STORE_UNAVAILABLE' });
  await call('run');
  assert.deepEqual(
    spans().map(({ status, isError, events }) => [status, isError, events.join(', ')]),
    [
      ['refused', true, 'store-error'],
      ['executed', false, 'store-error'],
    ],
  );
});

it('J3 what belongs to an event is named by the conventions', async () => {
  const client = createClient({ url: 'memory:events', cache: false });
  const run = heldRun();
  const call = (options) => client.withIdempotency(KEY, run.fn, { scope, ...options });
  const owner = call();
  await run.started;
  await assert.rejects(call({ onDuplicate: 'reject' }), { code: 'ERR_IN_PROGRESS' });
  run.returns('paid');
  await owner;
  await call();
  const told = exporter.getFinishedSpans().flatMap(({ events }) => events);
  assert.deepEqual(
    told.map(({ name, attributes }) => [name, Object.entries(attributes).map(([key, value]) => [key, typeof value])]),
    [
      ['in-progress', [['actonce.retry_after_ms', 'number']]],
      ['claimed', [['actonce.fence', 'number']]],
      ['completed', [['actonce.kind', 'string']]],
      [
        'replayed',
        [
          ['actonce.kind', 'string'],
          ['actonce.cached', 'boolean'],
        ],
      ],
    ],
  );
});

describe('J3 how a call ends', () => {
  const call = (fn, options) =>
    createClient({ url: `memory:${crypto.randomUUID()}` }).withIdempotency(KEY, fn, { scope, ...options });

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
  const call = (value, afterMs = 0) =>
    client.withIdempotency(KEY, () => setTimeout(afterMs, value), { scope: ['measured'] });
  await call('x'.repeat(20), 50);
  await assert.rejects(call('again'), { code: 'ERR_RESULT_UNAVAILABLE' });
  const { resourceMetrics } = await measured();
  const took = [];
  const found = Object.fromEntries(
    resourceMetrics.scopeMetrics
      .flatMap(({ metrics: all }) => all)
      .map(({ descriptor: { name, unit }, dataPoints }) => {
        const ours = dataPoints.filter(({ attributes }) => attributes['actonce.operation'] === 'measured');
        const points = ours.map(({ attributes: { 'actonce.operation': _, ...rest }, value }) => [
          rest,
          value.count ?? value,
        ]);
        took.push(...ours.flatMap(({ value }) => value.sum ?? []));
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
  assert.ok(took[0] > 0.045 && took[0] < 10, `${took[0]} s for a run of 50 ms`);
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
  unregister();
  const client = createClient({ url: 'memory:later' });
  await client.withIdempotency('before', () => 'paid', { scope });
  assert.deepEqual(exporter.getFinishedSpans(), []);
  register();
  await client.withIdempotency('after', () => 'paid', { scope });
  assert.deepEqual(spans(), [executed]);
});

it('J3 a span that is not sampled: its call is measured all the same', async () => {
  unregister();
  register({ sampler: new AlwaysOffSampler() });
  await createClient({ url: 'memory:unsampled' }).withIdempotency(KEY, () => 'paid', { scope });
  const { resourceMetrics } = await measured();
  assert.deepEqual(exporter.getFinishedSpans(), []);
  const [{ dataPoints }] = resourceMetrics.scopeMetrics.flatMap(({ metrics: all }) => all);
  assert.deepEqual(
    dataPoints.map(({ attributes, value }) => [attributes, value.count]),
    [[{ 'actonce.operation': 'placeOrder', 'actonce.status': 'executed' }, 1]],
  );
});

for (const moment of ['onStart', 'onEnd']) {
  it(`J3 a processor that throws in ${moment} alters no outcome and is reported`, async (t) => {
    const warnings = t.mock.method(process, 'emitWarning', () => {}).mock;
    unregister();
    const nothing = () => {};
    const broken = () => {
      throw new Error('the exporter broke');
    };
    const processor = { onStart: nothing, onEnd: nothing, shutdown: nothing, forceFlush: nothing, [moment]: broken };
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));
    t.after(() => {
      unregister();
      register();
    });
    const client = createClient({ url: `memory:tracing-${moment}` });
    t.after(() => client.close());
    for (let n = 0; n < 2; n++) assert.equal(await client.withIdempotency(KEY, async () => 'paid', { scope }), 'paid');
    assert.match(String(warnings.calls[0].arguments[0]), /OpenTelemetry threw: Error: the exporter broke/);
  });
}

for (const [moment, around] of Object.entries({
  before: () => {
    throw new Error('the context broke');
  },
  after: (fn) => {
    fn();
    throw new Error('the context broke');
  },
})) {
  it(`E5 a context manager that throws ${moment} fn has run alters no outcome and is reported`, async (t) => {
    const warnings = t.mock.method(process, 'emitWarning', () => {}).mock;
    unregister();
    const manager = { active: () => ROOT_CONTEXT, with: (_, fn) => around(fn), enable: () => manager, disable() {} };
    context.setGlobalContextManager(manager);
    trace.setGlobalTracerProvider(new BasicTracerProvider());
    t.after(() => {
      unregister();
      register();
    });
    const client = createClient({ url: `memory:tracing-context-${moment}` });
    t.after(() => client.close());
    let runs = 0;
    const pay = async () => `paid ${++runs}`;
    for (let n = 0; n < 2; n++) assert.equal(await client.withIdempotency(KEY, pay, { scope }), 'paid 1');
    const declined = new Error('declined');
    const failing = client.withIdempotency('f', () => Promise.reject(declined), { scope });
    await assert.rejects(failing, (error) => error === declined);
    assert.match(String(warnings.calls[0].arguments[0]), /OpenTelemetry threw: Error: the context broke/);
  });
}
