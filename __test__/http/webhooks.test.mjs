// idempotentRoute for webhooks: the key is the event's id, after the signature over the raw bytes was verified.
import assert from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { describe, it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { counted } from '../support/route.mjs';
import '../support/warnings.mjs';

const { onEachStore } = conformance(createClient);

describe('webhooks', () => {
  const secret = 'whsec_test';
  const sign = (body, at) => createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
  const captured = (event, at = 1_763_900_000) => {
    const body = JSON.stringify(event, null, 2);
    return { body, headers: { 'stripe-signature': `t=${at},v1=${sign(body, at)}` } };
  };
  const verify = (request, rawBody) => {
    const [, at, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(request.headers.get('stripe-signature') ?? '') ?? [];
    const body = Buffer.from(rawBody).toString();
    if (!timingSafeEqual(Buffer.from(given, 'hex'), Buffer.from(sign(body, at), 'hex')))
      throw new Error('bad signature');
    return JSON.parse(body);
  };
  const options = {
    name: 'stripe',
    scope: () => 'public',
    verify,
    key: (_request, _body, event) => event.id,
    retentionMs: 7 * 86_400_000,
  };
  const event = { id: 'evt_1', type: 'payment_intent.succeeded', data: { object: { amount: 1900 } } };

  onEachStore('a captured event sent twice runs once, and its record is kept for seven days', async (world) => {
    const client = world.client();
    const { send, calls } = counted(world.t, { ...options, client }, (_, { verified }) =>
      Response.json({ got: verified.id }),
    );
    const { body, headers } = captured(event);
    for (let n = 0; n < 2; n++) {
      const response = await send({ key: null, path: '/hooks', body, headers });
      assert.deepEqual([response.status, await response.json()], [200, { got: 'evt_1' }]);
    }
    assert.equal(calls.length, 1);
    const record = await client.inspect({ key: 'evt_1', scope: ['stripe', 'POST /hooks', 'public'] });
    assert.ok(record.expiresInMs > 6.9 * 86_400_000, String(record.expiresInMs));
  });

  it('a tampered or unsigned one is 401, runs nothing and is not recorded', async (t) => {
    const { send, calls, client } = counted(t, options);
    const { body, headers } = captured(event);
    const tampered = body.replace('1900', '1');
    for (const sent of [
      { body: tampered, headers },
      { body, headers: {} },
    ]) {
      assert.equal((await send({ key: null, path: '/hooks', ...sent })).status, 401);
    }
    assert.equal(calls.length, 0);
    assert.equal(await client.inspect({ key: 'evt_1', scope: ['stripe', 'POST /hooks', 'public'] }), undefined);
    const refusing = counted(t, { ...options, verify: () => new Response('who?', { status: 403 }) });
    assert.equal((await refusing.send({ key: null, body, headers })).status, 403);
  });
});
