// docs/recipes/webhooks.md, with events signed by Stripe's own package over the raw bytes (`t=…,v1=…`).
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { before, beforeEach, describe, it } from 'node:test';
import { actonce, recipe } from '../support/recipes.mjs';
import '../support/unhandled.mjs';

const SECRET = 'whsec_test';
const DAY_MS = 86_400_000;
let webhook;
let stripe;
let fulfilled;
let events = 0;

before(async () => {
  process.env.STRIPE_WEBHOOK_SECRET = SECRET;
  webhook = await recipe('stripe/webhook');
  ({ stripe } = await recipe('stripe/client'));
});
beforeEach(() => {
  fulfilled = [];
  webhook.fulfilment.fulfil = (intentId) => fulfilled.push(intentId);
});

/** An event as Stripe writes it, which is not as JSON.stringify would. */
function newEvent() {
  events += 1;
  const object = { id: `pi_${events}`, object: 'payment_intent', amount: 1_900, description: 'Käffchen' };
  return {
    id: `evt_${events}`,
    object: 'event',
    type: 'payment_intent.succeeded',
    pending_webhooks: 2,
    data: { object },
  };
}

/** The request as it was captured, to be sent any number of times. */
function captured(event, secret = SECRET, timestamp = Math.floor(Date.now() / 1_000)) {
  const payload = JSON.stringify(event, null, 2);
  return { payload, signature: stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }) };
}

function send({ payload, signature }) {
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    ...(signature && { 'stripe-signature': signature }),
  };
  return webhook.POST(new Request('http://shop.test/api/stripe', { method: 'POST', headers, body: payload }));
}

const record = ({ id }) => actonce.inspect({ key: id, scope: ['stripe-webhook', 'POST /api/stripe', 'public'] });

describe('Stripe: a webhook', () => {
  it('that was captured and is sent twice runs once, and is kept for seven days', async () => {
    const event = newEvent();
    const request = captured(event);
    assert.match(request.signature, /^t=\d+,v1=[0-9a-f]{64}$/);
    const [first, second] = [await send(request), await send(request)];
    assert.deepEqual([first.status, second.status], [204, 204]);
    assert.deepEqual(
      [first, second].map(({ headers }) => headers.get('idempotent-replayed')),
      [null, 'true'],
    );
    assert.deepEqual(fulfilled, [event.data.object.id]);
    const { expiresInMs } = await record(event);
    assert.ok(expiresInMs > 6.9 * DAY_MS && expiresInMs <= 7 * DAY_MS, String(expiresInMs));
  });

  it('that Stripe signs anew, with another count of pending webhooks, is the same event', async () => {
    const event = newEvent();
    await send(captured(event));
    const again = await send(captured({ ...event, pending_webhooks: 1 }, SECRET, Math.floor(Date.now() / 1_000) + 1));
    assert.equal(again.status, 204);
    assert.equal(fulfilled.length, 1);
  });

  it('that comes while the first is being handled is told to come later, and then replayed', async () => {
    const request = captured(newEvent());
    let finish;
    webhook.fulfilment.fulfil = (intentId) => {
      fulfilled.push(intentId);
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const first = send(request);
    while (finish === undefined) await new Promise(setImmediate);
    const early = await send(request);
    assert.equal(early.status, 409);
    assert.ok(Number(early.headers.get('retry-after')) > 0);
    finish();
    assert.deepEqual([(await first).status, (await send(request)).status], [204, 204]);
    assert.equal(fulfilled.length, 1);
  });

  it('whose handler throws runs again when Stripe sends it again', async () => {
    const request = captured(newEvent());
    webhook.fulfilment.fulfil = () => {
      throw new Error('the warehouse is closed');
    };
    await assert.rejects(send(request), /warehouse/);
    webhook.fulfilment.fulfil = (intentId) => fulfilled.push(intentId);
    assert.equal((await send(request)).status, 204);
    assert.equal(fulfilled.length, 1);
  });

  it('that is tampered with, unsigned, signed by somebody else or old is refused and not recorded', async () => {
    const event = newEvent();
    const good = captured(event);
    const bad = [
      { ...good, payload: good.payload.replace('1900', '1') },
      { ...good, signature: undefined },
      captured(event, 'whsec_other'),
      captured(event, SECRET, Math.floor(Date.now() / 1_000) - 600),
    ];
    for (const request of bad) assert.equal((await send(request)).status, 401);
    assert.equal(await record(event), undefined);
    assert.deepEqual(fulfilled, []);
    assert.equal((await send(good)).status, 204);
  });

  it('is believed by nobody where the secret is not set', async (t) => {
    t.after(() => {
      process.env.STRIPE_WEBHOOK_SECRET = SECRET;
    });
    const { payload } = captured(newEvent());
    const timestamp = Math.floor(Date.now() / 1_000);
    const signed = createHmac('sha256', '').update(`${timestamp}.${payload}`).digest('hex');
    process.env.STRIPE_WEBHOOK_SECRET = '';
    assert.equal((await send({ payload, signature: `t=${timestamp},v1=${signed}` })).status, 401);
  });
});
