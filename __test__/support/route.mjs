// A route made by idempotentRoute that counts its runs, and what its refusals look like.
import assert from 'node:assert/strict';
import { createClient } from './actonce.mjs';
import { next } from './next.mjs';

const { idempotentRoute } = next;
export const ORDER = { bags: 2, note: 'ü' };
let stores = 0;

export function freshClient(t, more) {
  const client = createClient({ url: `memory:route-${process.pid}-${stores++}`, ...more });
  t.after(() => client.close({ graceMs: 0 }));
  return client;
}

export const created = () =>
  Response.json({ id: 'o-1' }, { status: 201, headers: { location: '/orders/o-1', 'set-cookie': 'cart=; Max-Age=0' } });

/** A route that counts its runs. */
export function counted(t, options = {}, handler = created) {
  const calls = [];
  const client = options.client ?? freshClient(t);
  const route = idempotentRoute(
    { name: 'orders', scope: () => 'ann', client, ...options },
    async (request, ctx, given) => {
      calls.push({ ctx, given });
      return handler(request, ctx, given);
    },
  );
  const send = ({ key = 'k', body = ORDER, path = '/orders', method = 'POST', headers = {} } = {}) => {
    const all = { 'content-type': 'application/json', ...(key !== null && { 'idempotency-key': key }), ...headers };
    const sent =
      typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData ? body : JSON.stringify(body);
    if (sent instanceof FormData) delete all['content-type'];
    const init = { method, headers: all, ...(method !== 'GET' && { body: sent }) };
    return route(new Request(`http://shop.test${path}`, init), { params: Promise.resolve({ id: '7' }) });
  };
  return { route, send, calls, client };
}

export async function assertProblem(response, status, code) {
  assert.equal(response.status, status);
  assert.match(response.headers.get('content-type'), /^application\/problem\+json/);
  const body = await response.json();
  assert.deepEqual([body.status, body.code], [status, code]);
  for (const name of ['type', 'title', 'detail']) assert.ok(body[name], name);
  return body;
}
