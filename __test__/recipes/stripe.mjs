// docs/recipes/stripe.md, with Stripe's own client against a fake of Stripe that keeps answers per key as Stripe does.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startFakeStripe } from '../support/fake-stripe.mjs';
import { actonce, leaseRunsOut, recipe, startRecipe } from '../support/recipes.mjs';
import '../support/unhandled.mjs';

const USER = 'ann';
const VISA = 'pm_visa';
const DECLINED = 'pm_declined';
const TIMED_OUT = { type: 'StripeConnectionError' };
let stripe;
let api;

before(async () => {
  stripe = await startFakeStripe();
  process.env.STRIPE_URL = stripe.url;
  process.env.STRIPE_TIMEOUT_MS = '1000';
  process.env.STRIPE_RETRIES = '0';
  const names = ['stripe/pay', 'stripe/pay-cart', 'stripe/client'];
  api = Object.assign({}, ...(await Promise.all(names.map(recipe))));
});
after(() => stripe?.stop());

/** A cart and a key of its own for each test, and the cards that were charged since. */
function newCart() {
  const cartId = randomUUID();
  const since = stripe.charges.length;
  const payment = (paymentMethod) => ({ cartId, cents: 1_000, paymentMethod });
  return { cartId, key: randomUUID(), payment, cards: () => stripe.charges.slice(since).map(({ card }) => card) };
}

describe('Stripe: a declined card', () => {
  it('is an answer that a retry gets again; a new card under a new key is charged once', async () => {
    const { key, payment, cards } = newCart();
    const declined = { status: 'declined', reason: 'insufficient_funds' };
    for (let n = 0; n < 2; n++) assert.deepEqual(await api.pay(key, USER, payment(DECLINED)), declined);
    const edited = randomUUID();
    const paid = await api.pay(edited, USER, payment(VISA));
    assert.equal(paid.status, 'succeeded');
    assert.deepEqual(await api.pay(edited, USER, payment(VISA)), paid);
    assert.deepEqual(cards(), [VISA]);
  });

  it('a new card under the old key is refused before Stripe hears of it', async () => {
    const { key, payment, cards } = newCart();
    await api.pay(key, USER, payment(DECLINED));
    const heard = stripe.requests.length;
    await assert.rejects(api.pay(key, USER, payment(VISA)), { code: 'ERR_KEY_REUSED' });
    assert.equal(stripe.requests.length, heard);
    assert.deepEqual(cards(), []);
  });

  it('thrown and released instead, it leaves a key under which Stripe takes no other card', async () => {
    const { key, cards } = newCart();
    const payNaively = (card) =>
      actonce.withIdempotency(
        key,
        (ctx) =>
          api.stripe.paymentIntents.create(
            { amount: 1_000, currency: 'eur', payment_method: card, confirm: true },
            { idempotencyKey: ctx.deriveKey('charge') },
          ),
        { scope: ['payNaively', USER] },
      );
    await assert.rejects(payNaively(DECLINED), { type: 'StripeCardError' });
    await assert.rejects(payNaively(VISA), { type: 'StripeIdempotencyError' });
    assert.deepEqual(cards(), []);
  });
});

describe('Stripe: an answer that never comes', () => {
  it('a retry under the same key gets the charge that was made', async () => {
    const { key, payment, cards } = newCart();
    stripe.next('silent');
    await assert.rejects(api.pay(key, USER, payment(VISA)), TIMED_OUT);
    assert.deepEqual(cards(), [VISA]);
    assert.equal((await api.pay(key, USER, payment(VISA))).status, 'succeeded');
    assert.deepEqual(cards(), [VISA]);
    assert.equal(stripe.requests.at(-1).replayed, true);
  });

  it('an edit before the retry is charged as well: two keys, two payments', async () => {
    const { payment, cards } = newCart();
    stripe.next('silent');
    await assert.rejects(api.pay(randomUUID(), USER, payment(VISA)), TIMED_OUT);
    await api.pay(randomUUID(), USER, payment('pm_mastercard'));
    assert.deepEqual(cards(), [VISA, 'pm_mastercard']);
  });

  it('with one intent a cart the edit is not charged: Stripe lets an intent succeed once', async () => {
    const { payment, cards } = newCart();
    stripe.next('none', 'silent');
    await assert.rejects(api.payCart(randomUUID(), USER, payment(VISA)), TIMED_OUT);
    assert.equal((await api.payCart(randomUUID(), USER, payment('pm_mastercard'))).status, 'succeeded');
    assert.deepEqual(cards(), [VISA]);
  });

  it('one intent a cart takes a new card after a decline', async () => {
    const { payment, cards } = newCart();
    assert.equal((await api.payCart(randomUUID(), USER, payment(DECLINED))).status, 'declined');
    assert.equal((await api.payCart(randomUUID(), USER, payment(VISA))).status, 'succeeded');
    assert.deepEqual(cards(), [VISA]);
  });
});

it('Stripe: a 500 is kept for its key, so the payment is held until somebody has looked', async () => {
  const { key, payment, cards } = newCart();
  stripe.next('error');
  await assert.rejects(api.pay(key, USER, payment(VISA)), { type: 'StripeAPIError' });
  await assert.rejects(api.pay(key, USER, payment(VISA)), { code: 'ERR_INDETERMINATE' });
  assert.deepEqual(cards(), []);
});

describe('Stripe: the process dies after the charge', () => {
  /** Pays in another process, which is killed when the money has moved and before it could say so. */
  async function killedAfterCharge(t, onCrash, cart) {
    stripe.next('silent');
    await killedWhen(t, onCrash, cart, stripe.charged(stripe.charges.length + 1));
    assert.deepEqual(cart.cards(), [VISA]);
  }

  async function killedWhen(t, onCrash, { key, payment }, moment) {
    const env = { STRIPE_TIMEOUT_MS: '60000' };
    const script = startRecipe(t, 'stripe/pay', 'pay', [key, USER, payment(VISA), onCrash], env);
    await moment;
    script.signal('SIGKILL');
    await script.ended;
    await leaseRunsOut({ key, scope: ['pay', USER] });
  }

  it('the next attempt sends the same key on and gets the same charge', async (t) => {
    const cart = newCart();
    await killedAfterCharge(t, 'rerun', cart);
    assert.equal((await api.pay(cart.key, USER, cart.payment(VISA))).status, 'succeeded');
    assert.deepEqual(cart.cards(), [VISA]);
    assert.equal((await actonce.inspect({ key: cart.key, scope: ['pay', USER] })).attempt, 2);
  });

  it('while Stripe is still at it the next attempt fails, and the one after gets the charge', async (t) => {
    const cart = newCart();
    stripe.next('slow');
    await killedWhen(t, 'rerun', cart, stripe.isWorking());
    const payAgain = () => api.pay(cart.key, USER, cart.payment(VISA));
    await assert.rejects(payAgain(), { code: 'idempotency_key_in_use' });
    const charged = stripe.charged(stripe.charges.length + 1);
    stripe.goOn();
    await charged;
    assert.equal((await payAgain()).status, 'succeeded');
    assert.deepEqual(cart.cards(), [VISA]);
  });

  it('under hold nobody runs again until somebody has looked at Stripe and settled it', async (t) => {
    const cart = newCart();
    await killedAfterCharge(t, 'hold', cart);
    const payAgain = () => api.pay(cart.key, USER, cart.payment(VISA));
    await assert.rejects(payAgain(), { code: 'ERR_INDETERMINATE' });
    assert.equal(await api.settle(cart.key, USER, cart.cartId), 'resolved');
    assert.equal((await payAgain()).status, 'succeeded');
    assert.deepEqual(cart.cards(), [VISA]);
  });
});
