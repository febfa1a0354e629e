// actonce/next inside a real Next.js: production build, two server processes on one Redis, actonce from its tarball.
// Requests are what a browser sends, with JavaScript (the Next-Action header) and without (a form post).
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { eventually } from '../support/eventually.mjs';
import { fieldsOf, NextApp } from '../support/next-app.mjs';
import { startRedis } from '../support/redis.mjs';
import '../support/unhandled.mjs';

let app;
let redis;
let servers;

before(async () => {
  redis = await startRedis();
  app = await NextApp.prepare('next-app', { REDIS_URL: redis.url });
  await app.build();
  servers = await Promise.all([app.start(), app.start()]);
});
after(async () => {
  await app?.stop();
  await redis?.stop();
});
beforeEach(() => app.forget());

const ran = () => app.ledger().filter((line) => line.ran);

/** What the page's form sends; `more` is what is typed. */
async function formOf(page, more = {}, id = undefined) {
  const fields = fieldsOf(await (await fetch(servers[0].url + page)).text(), id);
  for (const [name, value] of Object.entries(more)) fields.set(name, value);
  return fields;
}

/** What a response tells the browser to do, without what differs by nature. */
async function shape(response) {
  const { status, headers } = response;
  const told = ['location', 'x-action-redirect', 'x-action-revalidated'].map((name) => headers.get(name));
  const page = /<p id="(?:page|done)">([^<]*)/.exec(await response.text())?.[1];
  return { status, told, page, cookies: headers.getSetCookie().map((cookie) => cookie.split(';')[0]) };
}

/** As a browser without JavaScript. */
function post(server, page, body, headers = {}) {
  return fetch(server.url + page, {
    method: 'POST',
    body,
    redirect: 'manual',
    headers: { origin: server.url, ...headers },
  });
}

/** As React with JavaScript: the action's id in a header, the fields with a prefix. */
function act(server, page, form, headers = {}) {
  const id = [...form.keys()].map((name) => /^\$ACTION_ID_(\w+)$/.exec(name)?.[1]).find(Boolean);
  const body = new FormData();
  for (const [name, value] of form) body.append(`_1_${name}`, value);
  body.append('0', '["$K1"]');
  const all = { 'next-action': id, accept: 'text/x-component', ...headers };
  return post(server, page, body, all);
}

describe('F1, F2 what Next throws to steer the response replays the same, on every path', () => {
  for (const kind of ['redirect', 'replace', 'permanent', 'not-found', 'forbidden', 'unauthorized']) {
    for (const [path, send] of [
      ['without JavaScript', post],
      ['with JavaScript', act],
    ]) {
      it(`${kind}, ${path}`, async () => {
        const form = await formOf('/steer', { kind });
        const first = await shape(await send(servers[0], '/steer', form));
        const again = await shape(await send(servers[0], '/steer', form));
        const elsewhere = await shape(await send(servers[1], '/steer', form));
        assert.deepEqual([again, elsewhere], [first, first]);
        assert.equal(ran().length, 1);
        if (kind.startsWith('re') || kind === 'permanent') assert.match(first.told.join(), /\/done\?by=/);
        else assert.ok(first.status >= 400, JSON.stringify(first));
      });
    }
  }

  it('a redirect in a route handler', async () => {
    const headers = { 'idempotency-key': 'route-1', 'content-type': 'application/json' };
    const send = (server) => post(server, '/api/orders', JSON.stringify({ item: 'tea', end: 'redirect' }), headers);
    const shapes = [];
    for (const server of [servers[0], servers[0], servers[1]]) shapes.push(await shape(await send(server)));
    assert.deepEqual(shapes.slice(1), [shapes[0], shapes[0]]);
    assert.match(shapes[0].told[0], /\/done\?by=api$/);
    assert.equal(ran().length, 1);
  });

  it('with JavaScript and without share one record', async () => {
    const form = await formOf('/steer', { kind: 'redirect' });
    await act(servers[0], '/steer', form);
    assert.equal((await shape(await post(servers[1], '/steer', form))).status, 303);
    assert.equal(ran().length, 1);
  });
});

describe('requests that come again', () => {
  it('F6 the same request ten times at once, over two processes: one run, one result', async () => {
    const form = await formOf('/plain', { item: 'tea', ms: '300' }, 'order');
    const requests = Array.from({ length: 10 }, (_, n) => act(servers[n % 2], '/plain', form));
    const results = await Promise.all(
      requests.map(async (response) => /"item":"tea","count":1/.test(await (await response).text())),
    );
    assert.deepEqual(results, Array(10).fill(true));
    assert.equal(ran().length, 1);
    assert.equal(app.ledger().filter((line) => line.answered).length, 10);
  });

  it('F7 a post without JavaScript and its reload', async () => {
    const form = await formOf('/plain', { item: 'milk' }, 'order');
    for (const server of [servers[0], servers[0], servers[1]])
      assert.equal((await post(server, '/plain', form)).status, 200);
    assert.equal(ran().length, 1);
  });

  it('F8 the browser goes away during the action: it ends, and the retry replays', async () => {
    const form = await formOf('/plain', { item: 'late', ms: '400' }, 'order');
    const gone = new AbortController();
    const first = fetch(`${servers[0].url}/plain`, {
      method: 'POST',
      body: form,
      headers: { origin: servers[0].url },
      signal: gone.signal,
    });
    await eventually(() => ran().length === 1, { what: 'the action starts' });
    gone.abort();
    await assert.rejects(first);
    const retried = await act(servers[1], '/plain', form);
    assert.match(await retried.text(), /"item":"late"/);
    assert.equal(ran().length, 1);
  });

  it('a retry that reaches a server built anew replays, though the id of the action changed', async (t) => {
    const form = await formOf('/plain', { item: 'across builds' }, 'order');
    await post(servers[0], '/plain', form);
    await app.build('offline');
    const server = await app.start('offline');
    t.after(() => server.stop());
    const fields = fieldsOf(await (await fetch(`${server.url}/plain`)).text(), 'order');
    const idOf = (one) => [...one.keys()].find((name) => name.startsWith('$ACTION_ID_'));
    assert.notEqual(idOf(fields), idOf(form));
    fields.set('idempotency-key', form.get('idempotency-key'));
    fields.set('item', 'across builds');
    assert.equal((await post(server, '/plain', fields)).status, 200);
    assert.equal(ran().length, 1);
  });
});

it('F5 every kind of value an action may return replays as React sent it the first time', async () => {
  const form = await formOf('/plain', {}, 'everything');
  const sent = [];
  for (const server of [servers[0], servers[0], servers[1]]) {
    sent.push(await (await act(server, '/plain', form)).text());
  }
  assert.match(sent[0], /cyclic/);
  assert.deepEqual(sent.slice(1), [sent[0], sent[0]]);
  assert.equal(ran().length, 1);
});

describe('keys and users', () => {
  it('F11 a key forged from another user runs for the forger and shows nothing', async () => {
    const form = await formOf('/plain', { item: 'secret' }, 'order');
    await act(servers[0], '/plain', form);
    form.set('item', 'other');
    const forged = await act(servers[1], '/plain', form, { cookie: 'user=bob' });
    const text = await forged.text();
    assert.match(text, /"item":"other"/);
    assert.ok(!text.includes('secret'));
    assert.equal(ran().length, 2);
  });

  it('scope steers as an action does: who is not logged in is sent to the login, and nothing is recorded', async () => {
    const form = await formOf('/plain', {}, 'order');
    const sent = await shape(await post(servers[0], '/plain', form, { cookie: 'user=nobody' }));
    assert.deepEqual([sent.status, sent.told[0]], [303, '/login']);
    assert.equal((await post(servers[0], '/plain', form)).status, 200);
    assert.equal(ran().length, 1);
  });

  it('without a key: a refusal, which onProblem makes a page without JavaScript', async () => {
    const form = await formOf('/plain', { 'idempotency-key': '' }, 'order');
    assert.equal((await post(servers[0], '/plain', form)).status, 200);
    assert.match(await (await act(servers[0], '/plain', form)).text(), /"problem":"ERR_KEY_MISSING"/);
    assert.equal(ran().length, 0);
  });

  it('the header Idempotency-Key serves where neither argument nor field has one', async () => {
    const form = await formOf('/plain', { 'idempotency-key': '', item: 'header' }, 'order');
    for (const key of ['"h-1"', 'h-1']) await act(servers[0], '/plain', form, { 'idempotency-key': key });
    assert.deepEqual(
      ran().map(({ key }) => key),
      ['h-1'],
    );
  });

  it('a refusal reaches the browser in production by its digest', async () => {
    const form = await formOf('/steer', { kind: 'redirect' });
    await act(servers[0], '/steer', form);
    form.set('kind', 'replace');
    const refused = await act(servers[0], '/steer', form);
    assert.equal(refused.status, 500);
    assert.match(await refused.text(), /"digest":"ACTONCE;ERR_KEY_REUSED;0;[\w-]{22}"/);
  });
});

describe('F4, F9 what an action does to its response', () => {
  it('onResponse sets cookies and revalidates on every response; named cookies replay, others do not', async () => {
    const form = await formOf('/plain', { end: '' }, 'effects');
    const first = await shape(await act(servers[0], '/plain', form));
    const replay = await shape(await act(servers[1], '/plain', form));
    assert.deepEqual(first.cookies.toSorted(), ['answered=executed', 'cart=c-1', 'forgotten=x']);
    assert.deepEqual(replay.cookies.toSorted(), ['answered=replayed', 'cart=c-1']);
    assert.deepEqual(
      [first.told[2], replay.told[2]],
      ['1', '1'].map((flag) => first.told[2] && flag),
    );
    assert.ok(first.told[2], 'the page was revalidated');
    assert.equal(ran().length, 1);
    const told = () => app.ledger().filter((line) => line.after);
    await eventually(() => told().length === 2, { what: 'after() on both responses' });
    assert.ok(
      app.ledger().some((line) => line.inside === true),
      'after() inside fn still sees its context',
    );
  });

  it('a cookie and a redirect replay together', async () => {
    const form = await formOf('/plain', { end: 'redirect' }, 'effects');
    const first = await shape(await act(servers[0], '/plain', form));
    const replay = await shape(await act(servers[1], '/plain', form));
    for (const { told, cookies } of [first, replay]) {
      assert.match(told[1], /^\/done\?by=effects/);
      assert.ok(cookies.includes('cart=c-1'));
    }
    assert.equal(ran().length, 1);
  });
});

it('B5, B7, B14 a route handler in a running Next', async () => {
  const send = (server, body, key = 'api-1') =>
    post(server, '/api/orders', JSON.stringify(body), { 'idempotency-key': key, 'content-type': 'application/json' });
  const first = await send(servers[0], { item: 'tea' });
  const replay = await send(servers[1], { item: 'tea' });
  assert.deepEqual([first.status, replay.status], [201, 201]);
  assert.deepEqual([first.headers.get('set-cookie'), replay.headers.get('set-cookie')], ['cart=; Max-Age=0', null]);
  assert.deepEqual(await replay.json(), { item: 'tea' });
  const refused = await send(servers[0], { item: 'milk' });
  assert.deepEqual([refused.status, (await refused.json()).code], [422, 'ERR_KEY_REUSED']);
  assert.equal(ran().length, 1);
});
