// Scenarios F1 to F3: what Next.js throws to steer the response, recorded and thrown again under any of its versions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import fc from 'fast-check';
import { bundle } from '../support/bundle.mjs';
import { next14, next16 } from '../support/next-navigation.mjs';
import '../support/unhandled.mjs';

/** Both files: what Next throws, and how it is recorded. */
const load = async (modules) => ({
  ...(await bundle('lib/outcome/next-signals.ts', modules)),
  ...(await bundle('lib/outcome/control-flow.ts', modules)),
});
const withNext14 = await load({ 'next/navigation': next14 });
const withNext16 = await load({ 'next/navigation': next16() });
const withoutNext = await load();
const { recordableControlFlow, isForeignControlFlow, encodeControlFlow, decodeControlFlow } = withNext16;

const signal = (digest) => Object.assign(new Error('a signal'), { digest });

function thrownBy(work) {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  return assert.fail('nothing was thrown');
}

const redirect = (url, status = 307, type = 'push') => ({ kind: 'redirect', url, type, status });
const http = (status) => ({ kind: 'http', status });

const RECORDABLE = [
  ['NEXT_REDIRECT;push;/done?a=1;307;', redirect('/done?a=1')],
  ['NEXT_REDIRECT;replace;/done;303;', redirect('/done', 303, 'replace')],
  ['NEXT_REDIRECT;replace;/done;308;', redirect('/done', 308, 'replace')],
  ['NEXT_REDIRECT;push;/a;b=2;c;307;', redirect('/a;b=2;c')],
  ['NEXT_REDIRECT;push;https://example.com/;307;307;;307;', redirect('https://example.com/;307;307;')],
  ['NEXT_REDIRECT;push;;307;', redirect('')],
  ['NEXT_NOT_FOUND', http(404)],
  ['NEXT_HTTP_ERROR_FALLBACK;404', http(404)],
  ['NEXT_HTTP_ERROR_FALLBACK;403', http(403)],
  ['NEXT_HTTP_ERROR_FALLBACK;401', http(401)],
];

test('F1, F2: a redirect, notFound, forbidden and unauthorized are told by their digest alone', () => {
  for (const [digest, flow] of RECORDABLE) {
    const carriers = [signal(digest), { digest }, Object.freeze(signal(digest)), Object.create({ digest })];
    carriers.push(vm.runInNewContext('Object.assign(new Error(), { digest })', { digest }));
    for (const thrown of carriers) {
      assert.deepEqual(recordableControlFlow(thrown), flow);
      assert.equal(isForeignControlFlow(thrown), false);
    }
  }
});

test('F1, F2: nothing else is taken for an outcome', () => {
  const digests = [
    'NEXT_REDIRECT',
    'NEXT_REDIRECT;push;/a;307',
    'NEXT_REDIRECT;push;/a;302;',
    'NEXT_REDIRECT;later;/a;307;',
    'NEXT_REDIRECT;push;/a;;',
    'NEXT_HTTP_ERROR_FALLBACK;500',
    'NEXT_HTTP_ERROR_FALLBACK;404;',
    'NEXT_HTTP_ERROR_FALLBACK;',
    'next_not_found',
    'ACTONCE;ERR_IN_PROGRESS;100',
    '1234567890',
    '',
  ];
  for (const digest of digests) assert.equal(recordableControlFlow(signal(digest)), undefined, digest);
  const wrapped = new Error('the order failed', { cause: signal('NEXT_REDIRECT;push;/a;307;') });
  for (const thrown of [undefined, null, 'NEXT_NOT_FOUND', 404, new Error('NEXT_NOT_FOUND'), signal(404), wrapped]) {
    assert.equal(recordableControlFlow(thrown), undefined);
    assert.equal(isForeignControlFlow(thrown), false);
  }
});

test('F3: dynamic usage, bailouts, postponements and the like are foreign and never recorded', () => {
  const digests = [
    'DYNAMIC_SERVER_USAGE',
    'BAILOUT_TO_CLIENT_SIDE_RENDERING',
    'HANGING_PROMISE_REJECTION',
    'NEXT_PRERENDER_INTERRUPTED',
    'USE_CACHE_TIMEOUT',
    'INSTANT_VALIDATION_ERROR',
    'NEXT_MISSING_ROOT_TAGS',
    'NEXT_HTTP_ERROR_FALLBACK;418',
    'NEXT_REDIRECT;sideways;/a;307;',
    'NEXT_SOMETHING_OF_A_LATER_VERSION',
  ];
  const thrown = digests.map(signal);
  thrown.push(Object.assign(new Error('x'), { code: 'NEXT_STATIC_GEN_BAILOUT' }));
  thrown.push(Object.assign(new Error('x'), { $$typeof: Symbol.for('react.postpone') }));
  const reason = 'Route /x needs to bail out of prerendering at this point because it used cookies. ';
  thrown.push(new Error(`${reason}Learn more: https://nextjs.org/docs/messages/ppr-caught-error`));
  for (const module of [withNext14, withNext16, withoutNext]) {
    for (const error of thrown) {
      assert.equal(module.recordableControlFlow(error), undefined);
      assert.equal(module.isForeignControlFlow(error), true, String(error.digest));
    }
  }
});

test('F3: a signal only the installed Next knows is foreign; an error about one is not', () => {
  const later = signal('LATER_SIGNAL');
  assert.equal(withNext16.isForeignControlFlow(later), true);
  assert.equal(withoutNext.isForeignControlFlow(later), false);
  const about = Object.assign(new Error('the order failed', { cause: later }), { digest: '42' });
  assert.equal(withNext16.isForeignControlFlow(about), false);
});

test('F3: what a next-safe-action refuses with carries a digest like one of Next and is an error of the app', () => {
  for (const digest of ['NEXT_SAFE_ACTION_SERVER_VALIDATION_ERROR;{}', 'NEXT_SAFE_ACTION_SERVER_ERROR;"closed"']) {
    for (const module of [withNext16, withoutNext]) assert.equal(module.isForeignControlFlow(signal(digest)), false);
    assert.equal(recordableControlFlow(signal(digest)), undefined);
  }
});

test('F3: an application error never loads Next, and none is taken for a signal', async () => {
  const loaded = await load({ 'next/navigation': 'globalThis.nextWasLoaded = true' });
  const errors = [
    new Error('x'),
    Object.assign(new Error('x'), { code: 'E' }),
    signal('ACTONCE;ERR_KEY_REUSED;0'),
    'text',
  ];
  for (const error of errors) assert.equal(loaded.isForeignControlFlow(error), false);
  assert.equal(globalThis.nextWasLoaded, undefined);
});

test('F3: a thrown value that cannot be looked at is an error like any other', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const touchy = new Proxy(() => {}, { get: () => assert.fail('touched'), has: () => assert.fail('touched') });
  const getter = Object.defineProperty(new Error('x'), 'digest', { get: () => assert.fail('thrown by the getter') });
  for (const thrown of [proxy, touchy, getter]) {
    assert.equal(recordableControlFlow(thrown), undefined);
    assert.equal(isForeignControlFlow(thrown), false);
  }
});

test('F1, F2: the recorded text comes back as the same outcome, whatever the url', () => {
  for (const [, flow] of RECORDABLE) {
    const text = encodeControlFlow(flow);
    assert.equal(text[0], 'N');
    assert.deepEqual(decodeControlFlow(Buffer.from(text).toString()), flow);
  }
  const property = fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('push', 'replace'), (url, type) => {
    const flow = recordableControlFlow(signal(`NEXT_REDIRECT;${type};${url};307;`));
    assert.deepEqual(flow, redirect(url, 307, type));
    assert.deepEqual(decodeControlFlow(Buffer.from(encodeControlFlow(flow)).toString()), flow);
  });
  fc.assert(property);
});

test('RH7: no other text is read as control flow', () => {
  const texts = ['', 'N', 'N{', 'Nnull', 'N5', 'N"redirect"', 'N[]', '{"kind":"http","status":404}'];
  texts.push('N{"kind":"http","status":200}', 'N{"kind":"http","status":"404"}', 'N{"kind":"later"}', 'N{}');
  texts.push(
    'N{"kind":"redirect","url":"/a","type":"push","status":200}',
    'N{"kind":"redirect","type":"push","status":307}',
  );
  texts.push(
    'N{"kind":"redirect","url":"/a","type":"sideways","status":307}',
    'N{"kind":"redirect","url":5,"type":"push","status":307}',
  );
  for (const text of texts) {
    assert.throws(
      () => decodeControlFlow(text),
      (error) => error.name === 'MalformedPayloadError',
      text,
    );
  }
  const planted = decodeControlFlow('N{"kind":"http","status":404,"url":"/x","__proto__":{"a":1}}');
  assert.deepEqual(planted, http(404));
});

test('F1, F2: a record made under any version is thrown as the installed version throws it', () => {
  const replayed = (module, flow) => thrownBy(() => module.throwControlFlow(flow));
  for (const status of [303, 307]) {
    const flow = redirect('/done;a', status);
    assert.equal(replayed(withNext14, flow).digest, 'NEXT_REDIRECT;push;/done;a;303;');
    assert.equal(replayed(withNext14, flow).mutableCookies, 'the jar');
    assert.equal(replayed(withNext16, flow).digest, 'NEXT_REDIRECT;push;/done;a;307;');
  }
  assert.equal(replayed(withNext16, redirect('/p', 308, 'replace')).digest, 'NEXT_REDIRECT;replace;/p;308;');
  assert.equal(replayed(withNext14, http(404)).digest, 'NEXT_NOT_FOUND');
  for (const status of [401, 403, 404]) {
    assert.equal(replayed(withNext16, http(status)).digest, `NEXT_HTTP_ERROR_FALLBACK;${status}`);
  }
});

test('F1, F2: without Next, or one that refuses, the replay has the digest all the same', async () => {
  const refusing = await load({ 'next/navigation': next16(false) });
  const broken = await load({ 'next/navigation': 'throw new Error("react is missing")' });
  const silent = await load({ 'next/navigation': 'module.exports = { redirect() {} }' });
  const astray = await load({
    'next/navigation': `${next16()}\n module.exports.redirect = module.exports.notFound`,
  });
  for (const module of [withoutNext, refusing, broken, silent, astray]) {
    for (const flow of [redirect('/done;a'), http(401), http(403)]) {
      const thrown = thrownBy(() => module.throwControlFlow(flow));
      assert.ok(thrown instanceof Error);
      assert.deepEqual(recordableControlFlow(thrown), flow);
      assert.ok(!Object.isFrozen(thrown), 'Next writes on it');
    }
  }
  assert.equal(thrownBy(() => withNext14.throwControlFlow(http(403))).digest, 'NEXT_HTTP_ERROR_FALLBACK;403');
});
