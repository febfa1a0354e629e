// Files in a payload are compared by their bytes, wherever they are: in a form, in a list, below a chosen path.
import assert from 'node:assert/strict';
import fs, { openAsBlob } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { formOf, next } from '../support/next.mjs';
import { freshClient } from '../support/route.mjs';

const { onEachStore } = conformance(createClient);
const scan = (text, name = 'scan.png') => new File([text], name, { type: 'image/png' });

onEachStore('the same file again is the same payload, another one is refused', async (world) => {
  const { client, effect, ledger } = world;
  const [one, two] = [client(), client()];
  const shapes = {
    file: (file) => file,
    blob: (file) => new Blob([file], { type: 'a/b' }),
    form: (file) => formOf({ note: 'x', scan: [file, file] }),
    list: (file) => ({ a: [{ file }] }),
    map: (file) => new Map([['scan', file]]),
    set: (file) => new Set([file, scan('z')]),
  };
  for (const [key, shape] of Object.entries(shapes)) {
    const call = (on, text) => on.withIdempotency(key, effect(key, 'paid'), { payload: shape(scan(text)) });
    assert.equal(await call(one, 'abc'), 'paid');
    for (const on of [one, two]) {
      assert.equal(await call(on, 'abc'), 'paid', key);
      await assert.rejects(call(on, 'abd'), { code: 'ERR_KEY_REUSED' }, key);
    }
    assert.equal(ledger.count(key), 1);
  }
});

onEachStore('callers at once that send the same file join, and one that sends another is refused', async (world) => {
  const { client, effect, ledger } = world;
  const actonce = client();
  const call = (text) => actonce.withIdempotency.outcome('k', effect('k', 'paid'), { payload: [scan(text)] });
  const [one, two, other] = await Promise.allSettled([call('abc'), call('abc'), call('abd')]);
  assert.deepEqual([one.value.value, two.value.value, ledger.count('k')], ['paid', 'paid', 1]);
  assert.equal(other.reason.code, 'ERR_KEY_REUSED');
});

it('the order of files in a Set does not count, though their names are equal', async (t) => {
  const actonce = freshClient(t);
  const call = (...texts) =>
    actonce.withIdempotency('k', () => 1, { scope: 's', payload: new Set(texts.map((text) => scan(text))) });
  await call('abc', 'abd');
  await call('abd', 'abc');
  await assert.rejects(call('abd', 'abe'), { code: 'ERR_KEY_REUSED' });
});

it('a file that is not chosen is not read', async (t) => {
  const actonce = freshClient(t);
  const unread = scan('abc');
  unread.slice = unread.stream = unread.arrayBuffer = () => assert.fail('it was read');
  const payload = (total) => ({ total, unread });
  for (const fingerprint of [['total'], { exclude: ['unread'] }, ({ total }) => total]) {
    const call = (total) =>
      actonce.withIdempotency(`${fingerprint}`, () => 1, { scope: 's', payload: payload(total), fingerprint });
    await call(1);
    await assert.rejects(call(2), { code: 'ERR_KEY_REUSED' });
  }
});

it('a fingerprint may cut a piece of a file, which is a new one each time', async (t) => {
  const actonce = freshClient(t);
  const fingerprint = ({ file }) => file.slice(0, 2);
  const call = (text) =>
    actonce.withIdempotency('k', () => 1, { scope: 's', payload: { file: scan(text) }, fingerprint });
  await call('abc');
  await call('abd');
  await assert.rejects(call('acc'), { code: 'ERR_KEY_REUSED' });
});

it('a payload that makes a new file whenever it is read is refused, and not read forever', async (t) => {
  const actonce = freshClient(t);
  const payload = {
    get file() {
      return scan('abc');
    },
  };
  const call = actonce.withIdempotency('k', () => assert.fail('it ran'), { scope: 's', payload });
  await assert.rejects(call, { code: 'ERR_INVALID_ARGUMENT', message: /other files each time/ });
});

it('a payload that is read while another one is does not hide its files', async (t) => {
  const actonce = freshClient(t);
  const inner = () => actonce.withIdempotency('inner', () => 1, { scope: 's', payload: { a: 1 } });
  const call = (text) => {
    const fingerprint = (file) => inner() && file;
    return actonce.withIdempotency('k', () => 1, { scope: 's', payload: scan(text), fingerprint });
  };
  await call('abc');
  await assert.rejects(call('abd'), { code: 'ERR_KEY_REUSED' });
});

it('a file that cannot be read is refused, and nothing runs', async (t) => {
  const actonce = freshClient(t);
  const file = path.join(temporaryFolder('blob'), 'scan.png');
  fs.writeFileSync(file, 'abc');
  const payload = await openAsBlob(file);
  fs.writeFileSync(file, 'something else');
  const call = actonce.withIdempotency('k', () => assert.fail('it ran'), { scope: 's', payload });
  await assert.rejects(call, { code: 'ERR_INVALID_ARGUMENT', message: /could not be read/ });
  assert.equal(await actonce.inspect({ key: 'k', scope: 's' }), undefined);
});

it('a signal that aborts while a file is read cancels the call', async (t) => {
  const actonce = freshClient(t);
  const controller = new AbortController();
  const call = actonce.withIdempotency('k', () => assert.fail('it ran'), {
    scope: 's',
    payload: scan('x'.repeat(5_000_000)),
    signal: controller.signal,
  });
  controller.abort(new Error('gone'));
  await assert.rejects(call, /gone/);
});

it('the same key inside of its own function is refused also with a file', async (t) => {
  const actonce = freshClient(t);
  const options = () => ({ scope: 's', payload: scan('abc') });
  const inner = () => actonce.withIdempotency('k', () => 1, options());
  await assert.rejects(actonce.withIdempotency('k', inner, options()), { code: 'ERR_REENTRANT' });
});

it('an action compares the files of its form', async (t) => {
  const calls = [];
  const options = { name: 'upload', scope: () => 'ann', client: freshClient(t) };
  const action = next.idempotentAction(options, (form) => calls.push(form));
  const send = (text) => action(null, formOf({ 'idempotency-key': 'k', scan: scan(text) }));
  await send('abc');
  await send('abc');
  await assert.rejects(send('abd'), { code: 'ERR_KEY_REUSED' });
  assert.equal(calls.length, 1);
});
