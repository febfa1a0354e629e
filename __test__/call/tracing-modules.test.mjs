// J3: whose copy of OpenTelemetry's API is used, and how often actonce is evaluated, makes no difference.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, afterEach, it } from 'node:test';
import { trace } from '@opentelemetry/api';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { exporter, register, spans, unregister } from '../support/telemetry.mjs';
import '../support/unhandled.mjs';

const ADDON = fs.readdirSync(root).find((name) => name.endsWith('.node'));

afterEach(() => {
  exporter.reset();
  unregister();
});
after(unregister);

/** An application with actonce and copies of the packages named. `evaluate` gives what a further evaluation of it makes. */
function application(...packages) {
  const folder = temporaryFolder('app');
  const modules = path.join(folder, 'node_modules');
  const copy = (from, to) => fs.cpSync(path.join(root, from), path.join(modules, to), { recursive: true });
  for (const part of ['dist', 'server', 'package.json']) copy(part, `actonce/${part}`);
  // Linked, because an addon is a file that a process loads once.
  fs.symlinkSync(path.join(root, ADDON), path.join(modules, 'actonce', ADDON));
  for (const name of packages) copy(`node_modules/${name}`, name);
  const require = createRequire(path.join(folder, 'index.js'));
  const isOfActonce = (file) => file.startsWith(path.join(modules, 'actonce', path.sep));
  return {
    require,
    evaluate() {
      for (const file of Object.keys(require.cache).filter(isOfActonce)) delete require.cache[file];
      return require('actonce');
    },
  };
}

const call = (actonce, url) => {
  const client = actonce.createClient({ url });
  return client.withIdempotency('k', () => 'paid', { scope: ['placeOrder', 'user-1'] });
};

it('J3 an application without the API gets no span, though something is registered, and no error', async () => {
  register();
  assert.equal(await call(application().evaluate(), 'memory:bare'), 'paid');
  assert.deepEqual(exporter.getFinishedSpans(), []);
});

it('J3 an application’s own copy of the API gets the spans of every evaluation of actonce', async () => {
  const app = application('@opentelemetry/api');
  const api = app.require('@opentelemetry/api');
  assert.notEqual(api.trace, trace);
  register({}, api);
  const evaluations = [app.evaluate(), app.evaluate()];
  assert.notEqual(evaluations[0].createClient, evaluations[1].createClient);
  for (const [index, actonce] of evaluations.entries()) {
    await api.trace.getTracer('app').startActiveSpan('POST /', async (request) => {
      await call(actonce, `memory:evaluation-${index}`);
      request.end();
    });
  }
  assert.deepEqual(
    spans().map(({ name, status }) => [name, status]),
    Array(2).fill(['idempotency placeOrder', 'executed']),
  );
  const [first, , second] = exporter.getFinishedSpans();
  const [, request, , other] = exporter.getFinishedSpans();
  assert.deepEqual(
    [first.parentSpanContext.spanId, second.parentSpanContext.spanId],
    [request.spanContext().spanId, other.spanContext().spanId],
  );
});
