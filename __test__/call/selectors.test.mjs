// What a selector chooses: names as they are and as form libraries spell them. One that chooses nothing is refused, since
// then another total would have the first order's outcome.
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';
import { gate } from '../support/gate.mjs';
import { formOf } from '../support/next.mjs';
import { runScript } from '../support/script.mjs';

const { canonicalText, formerText } = await bundle('lib/call/fingerprint.ts');
const { comparedText } = await bundle('lib/call/compared.ts');

const same = (a, b, fingerprint) => assert.equal(canonicalText(a, fingerprint), canonicalText(b, fingerprint));
const differ = (a, b, fingerprint) => assert.notEqual(canonicalText(a, fingerprint), canonicalText(b, fingerprint));
const refused = (payload, fingerprint, message) =>
  assert.throws(() => canonicalText(payload, fingerprint), { code: 'ERR_INVALID_ARGUMENT', message });

describe('a path finds', () => {
  const spellings = {
    'a literal name': ['cart.total', (total) => formOf({ 'cart.total': total, note: 'x' })],
    'a literal name of an object': ['cart.total', (total) => ({ 'cart.total': total, note: 'x' })],
    'brackets of a form': ['cart.total', (total) => formOf({ 'cart[total]': total, note: 'x' })],
    'brackets in the path, too': ['cart[total]', (total) => formOf({ 'cart[total]': total, note: 'x' })],
    'brackets in the path, and an object': ['cart[total]', (total) => ({ cart: { total }, note: 'x' })],
    'an index in brackets': ['items.*.price', (total) => formOf({ 'items[0].price': '1', 'items[1].price': total })],
    'an index as a name': ['items.*.price', (total) => formOf({ 'items.0.price': '1', 'items.1.price': total })],
    'brackets all along': ['items.*.price', (total) => formOf({ 'items[0][price]': '1', 'items[1][price]': total })],
    'brackets with quotes': ['cart.total', (total) => formOf({ "cart['total']": total, note: 'x' })],
    'a list with empty brackets': ['tags', (total) => formOf({ 'tags[]': ['a', total], note: 'x' })],
    'everything below a spelled name': ['cart', (total) => formOf({ 'cart.total': total, 'cart.tax': '1', note: 'x' })],
    'a name that no spelling explains': ['a..b]', (total) => ({ 'a..b]': total, note: 'x' })],
    'a key of a Map that is a number': ['7', (total) => new Map([[7, total]])],
    'members of a Set': ['items.*.price', (total) => ({ items: new Set([{ price: total, at: Math.random() }]) })],
    'a name of a query': ['total', (total) => new URLSearchParams({ total, at: String(Math.random()) })],
    'an absent part beside one that is there': ['*.price', (total) => [{ price: total }, { at: Math.random() }]],
  };
  for (const [what, [path, payload]] of Object.entries(spellings)) {
    it(what, () => {
      same(payload('5'), payload('5'), [path]);
      differ(payload('5'), payload('6'), [path]);
    });
  }

  it('both, where a literal and a nested name are there', () => {
    const payload = (literal, nested) => ({ 'cart.total': literal, cart: { total: nested, at: Math.random() } });
    same(payload(1, 1), payload(1, 1), ['cart.total']);
    differ(payload(1, 1), payload(2, 1), ['cart.total']);
    differ(payload(1, 1), payload(1, 2), ['cart.total']);
    same(payload(1, 1), payload(2, 2), { exclude: ['cart'] });
    same(
      { ...payload(1, 1), cart: { total: 1 } },
      { ...payload(2, 2), cart: { total: 2 } },
      { exclude: ['cart.total'] },
    );
  });

  it('the whole of a name with dots by an asterisk', () => {
    const shops = (total) => ({ shops: { 'tea.example.com': { total, at: Math.random() } } });
    same(shops(1), shops(1), ['shops.*.total']);
    differ(shops(1), shops(2), ['shops.*.total']);
  });

  it('what is left out, spelled in any way', () => {
    const exclude = { exclude: ['meta.sentAt', 'items.*.seen', 'captcha'] };
    const form = (value) =>
      formOf({ 'meta[sentAt]': value, 'items[0].seen': value, 'captcha.token': value, total: '1', 'meta.user': 'ann' });
    same(form('1'), form('2'), exclude);
    differ(form('1'), formOf({ total: '2' }), exclude);
    const query = (at) => new URLSearchParams({ total: '1', 'meta.sentAt': at });
    same(query('1'), query('2'), exclude);
  });

  it('as a whole what is left out as a whole, though a part of it is named as well', () => {
    same(
      { cart: { total: 1, at: 1 }, id: 1 },
      { cart: { total: 2, at: 2 }, id: 1 },
      { exclude: ['cart', 'cart.total'] },
    );
  });
});

describe('a path that finds nothing', () => {
  it('is refused, with the names that are there', () => {
    const names = /'totl' of the option fingerprint selects nothing .*'note', 'total'.*question mark/s;
    refused({ total: 1, note: 'x' }, ['totl'], names);
    refused(formOf({ total: '1', note: 'x' }), ['totl'], names);
    refused(
      { cart: { total: 1, tax: 2 }, note: 'x' },
      ['note', 'cart.totl'],
      /'cart\.totl' .*names there are 'tax', 'total'/,
    );
    refused(new URLSearchParams('total=1&note=x'), ['totl'], names);
    refused({ items: [{ id: 1 }] }, ['items.*.sku'], /'id'/);
    refused(formOf({ 'idempotency-key': 'k', $ACTION_ID_7: '' }), ['total'], /Nothing there has a name/);
    for (const payload of ['text', 5, null, [], {}]) refused(payload, ['total'], /selects nothing/);
  });

  it('shows no name as a terminal would take it', () => {
    refused({ '\u001b[31mred': 1 }, ['total'], /'\\u001b\[31mred'/);
    refused({ '\u001b[31mred': () => 1 }, undefined, /payload\.\\u001b\[31mred is a function/);
  });

  it('never shows a value, nor all of a thousand names', () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`name-${'x'.repeat(200)}${n}`, 'secret']));
    assert.throws(
      () => canonicalText(many, ['total']),
      ({ message }) => !message.includes('secret') && message.length < 2_500,
    );
  });

  it('is allowed where it may be missing, and counts where it is there', () => {
    const fields = ['total', 'coupon?'];
    same({ total: 1 }, { total: 1, note: 'x' }, fields);
    differ({ total: 1 }, { total: 1, coupon: 'A' }, fields);
    differ({ total: 1, coupon: 'B' }, { total: 1, coupon: 'A' }, fields);
    refused({ coupon: 'A' }, fields, /'total'/);
    differ({ 'really?': 1 }, { 'really?': 2 }, ['really?']);
  });

  it('is no fault where a list is empty', () => {
    for (const empty of [[], new Set(), new Map(), {}]) {
      differ({ items: empty }, { items: [{ id: 1 }] }, ['items.*.id']);
    }
    refused({ items: null }, ['items.*.id'], /selects nothing/);
  });

  it('under one that is chosen as a whole is none', () => {
    same({ cart: { total: 1 }, at: 1 }, { cart: { total: 1 }, at: 2 }, ['cart', 'cart.total']);
    refused({ cart: { total: 1 }, at: 1 }, ['cart', 'cart.totl'], /'cart\.totl'/);
  });

  it('a function that returns undefined, too', () => {
    refused({ cart: {} }, ({ cart }) => cart.total, /fingerprint returned undefined/);
    same({ a: 1 }, { a: 2 }, () => null);
  });
});

test('a typo in fingerprint does not let another total replay the first order', async (t) => {
  const client = createClient({ url: 'memory:selectors' });
  t.after(() => client.close());
  const call = (total, fingerprint) =>
    client.withIdempotency('k', () => total, { scope: 's', payload: formOf({ 'cart.total': total }), fingerprint });
  await assert.rejects(call('5', ['cart.totl']), { code: 'ERR_INVALID_ARGUMENT' });
  assert.equal(await call('5', ['cart.total']), '5');
  await assert.rejects(call('6', ['cart.total']), { code: 'ERR_KEY_REUSED' });
});

test('an exclude that leaves nothing out is said in development, once, and not in production', async (t) => {
  const lines = `
    const client = load().createClient({ url: 'memory:' });
    const call = (key, exclude) => client.withIdempotency(key, () => 1, { scope: 's', payload: { at: 1 }, fingerprint: { exclude } });
    for (const key of ['a', 'b']) await call(key, ['sentAt', 'token?', 'at']);
    await client.close();`;
  const said = async (NODE_ENV) => (await runScript(t, lines, { env: { NODE_ENV } })).errors;
  const development = await said('development');
  assert.equal(development.match(/'sentAt'/g)?.length, 1, development);
  assert.match(development, /The names there are 'at'/);
  assert.doesNotMatch(development, /token/);
  assert.equal(await said('production'), '');
});

describe('a record that was made before a deployment', () => {
  it('is compared as version 0.1 compared', () => {
    const form = formOf({ 'cart.total': '5', note: 'x' });
    assert.equal(formerText(form, ['cart.total']), 'Form{}');
    assert.equal(formerText(form, { exclude: ['cart.total'] }), 'Form{"cart.total":["5",],"note":["x",],}');
    const nested = { items: [{ id: 1, at: 2 }], tags: new Set([{ at: 1 }]), map: new Map([[1, { at: 2 }]]) };
    assert.equal(
      formerText(nested, { exclude: ['items.*.at', 'tags.*.at', 'map.1'] }),
      '{"items":[{"id":1,},],"map":Map{1:{"at":2,},},"tags":Set{{"at":1,},},}',
    );
    assert.equal(formerText({ a: { b: 1, c: 2 }, d: 3 }, ['a.b', 'x']), '{"a":{"b":1,},}');
    assert.equal(formerText(new URLSearchParams('a=1&b=2'), ['a']), 'URLSearchParams[["a","1",],["b","2",],]');
    for (const fingerprint of [undefined, ['note', 'cart.total?'], () => 'chosen']) {
      assert.equal(formerText(form, fingerprint), canonicalText(form, fingerprint));
    }
  });

  it('has a second text wherever that version may have made another one, and only there', () => {
    const at = Math.random();
    for (const [payload, fingerprint] of [
      [{ 'cart.total': 1, note: 'x' }, { exclude: ['cart.total'] }],
      [{ tags: new Set([{ id: 1, at }]) }, ['tags.*.id']],
      [new URLSearchParams({ total: '1', at: String(at) }), ['total']],
      [new Map([[1, 'a']]), { exclude: ['1'] }],
      [{ items: [{ price: 1, at }], 'items[0]': { price: 2 } }, ['items[0].price']],
      [{ items: [{ price: 1, at }] }, { exclude: ['items[0].at'] }],
    ]) {
      const { text, former } = comparedText(payload, fingerprint);
      assert.equal(text, canonicalText(payload, fingerprint));
      assert.equal(former, formerText(payload, fingerprint));
      assert.notEqual(former, text);
    }
    const usual = { items: [{ id: 1, at }], map: new Map([['a', 1]]) };
    for (const fingerprint of [undefined, ['items.*.id', 'map.a'], { exclude: ['items.*.at'] }]) {
      assert.equal(comparedText(usual, fingerprint), canonicalText(usual, fingerprint));
    }
  });

  it('still replays', async (t) => {
    const client = createClient({ url: 'memory:former' });
    t.after(() => client.close());
    // What version 0.1 took for the payload, where no path found a name with a dot in it.
    const call = (payload, fingerprint, onDuplicate) =>
      client.withIdempotency('k', () => 'first', { scope: 's', payload, fingerprint, onDuplicate });
    await call(formOf({}));
    assert.equal(await call(formOf({ 'cart.total': '5' }), ['cart.total']), 'first');
    assert.equal(await call(formOf({ 'cart.total': '5' }), ['cart.total'], 'reject'), 'first', 'from the cache');
    await assert.rejects(call(formOf({ 'cart.total': '5', note: 'x' }), ['cart.total', 'note']), {
      code: 'ERR_KEY_REUSED',
    });
  });

  it('is waited for while it runs, and a mismatch is told once', async (t) => {
    const [former, client] = [1, 2].map(() => createClient({ url: 'memory:former-waiting' }));
    t.after(() => Promise.all([former.close(), client.close()]));
    const events = [];
    client.on(({ type }) => events.push(type));
    const finish = gate();
    const running = former.withIdempotency('k', () => finish.promise, { scope: 's', payload: formOf({}) });
    const call = (payload, fingerprint) =>
      client.withIdempotency('k', () => assert.fail('it ran'), { scope: 's', payload, fingerprint });
    const waiting = [1, 2].map(() => call(formOf({ 'cart.total': '5' }), ['cart.total']));
    await assert.rejects(call(formOf({ note: 'x' }), ['note']), { code: 'ERR_KEY_REUSED' });
    finish.resolve('first');
    assert.deepEqual(await Promise.all([running, ...waiting]), ['first', 'first', 'first']);
    assert.equal(events.filter((type) => type === 'mismatch').length, 1);
  });
});
