// What of a body is compared: nothing that parsing would lose, and no more than what a client that writes its body anew
// keeps. A record of an older version is compared as that version did.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { formerClient, recordedBefore } from '../support/former-version.mjs';
import { gate } from '../support/gate.mjs';
import { assertProblem, counted } from '../support/route.mjs';

const { onEachStore } = conformance(createClient);
const isReplay = (response) => response.headers.get('idempotent-replayed') === 'true';

/** Whether the second body counts as the first one sent again. */
async function isSame(t, first, second, options) {
  const { send, calls } = counted(t, options);
  assert.equal((await send(first)).status, 201);
  const response = await send(second);
  assert.equal(calls.length, 1);
  if (response.status === 422) await assertProblem(response, 422, 'ERR_KEY_REUSED');
  else assert.ok(isReplay(response), `${response.status}`);
  return response.status !== 422;
}
const body = (text) => ({ body: text });
const urlencoded = (text) => ({
  body: Uint8Array.from(text, (character) => character.charCodeAt(0)),
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
});

describe('numbers', () => {
  for (const [one, other] of [
    ['175928847299117063', '175928847299117064'],
    ['175928847299117063', '175928847299117060'],
    ['175928847299117056', '175928847299117060'],
    ['9007199254740992', '9007199254740993'],
    ['100000000000000000000', '100000000000000000001'],
    ['1e400', '2e400'],
    ['-1e400', '1e400'],
    ['1e-400', '2e-400'],
    ['1e-400', '0'],
    ['0.1', '0.10000000000000000001'],
    ['19.989999999999998', '19.99'],
    ['0.1000000000000000055', '0.1000000000000000056'],
    ['175928847299117063', '"175928847299117063"'],
    ['175928847299117063', '{"text":"175928847299117063"}'],
  ]) {
    it(`${one} and ${other} are two bodies`, async (t) => {
      const wrap = (number) => body(`{"user":{"ids":[1,${number}]}}`);
      assert.equal(await isSame(t, wrap(one), wrap(other)), false);
      assert.equal(await isSame(t, wrap(other), wrap(one)), false);
      assert.equal(await isSame(t, body(one), body(other)), false);
    });
  }

  for (const [one, other] of [
    ['1', '1.0'],
    ['1e3', '1000'],
    ['0.30000000000000004', '3.0000000000000004e-1'],
    ['1234567890.1234567', '1234567890.12345670'],
    ['-0', '0'],
    ['0e999', '0'],
    ['1E+2', '100'],
  ]) {
    it(`${one} and ${other} are one`, async (t) => {
      assert.equal(await isSame(t, body(`{"a":${one}}`), body(`{"a":${other}}`)), true);
    });
  }

  it('neither the order of fields nor white space counts beside a large one', async (t) => {
    const one = '{"userId":175928847299117063,"b":["x",{"c":1}]}';
    const other = ' { "b" : [ "x" , {"c":1} ] ,\n"userId" : 175928847299117063 } ';
    assert.equal(await isSame(t, body(one), body(other)), true);
  });

  it('those inside of texts are text', async (t) => {
    const texts = { a: 1, 'id 175928847299117063': 'x "175928847299117063" \\', e: '1e400', slash: '\\"\\\\"1e400\\' };
    const one = JSON.stringify(texts);
    assert.equal(await isSame(t, body(one), body(` ${one}`)), true);
    assert.equal(await isSame(t, body(one), body(one.replace('7063', '7064'))), false);
  });

  it('are compared where paths choose them, and not where they leave them out', async (t) => {
    const order = (user, at) => body(`{"user":{"id":${user}},"at":${at}}`);
    const fingerprint = ['user.id'];
    const [one, other] = ['175928847299117063', '175928847299117064'];
    assert.equal(await isSame(t, order(one, one), order(one, other), { fingerprint }), true);
    assert.equal(await isSame(t, order(one, one), order(other, one), { fingerprint }), false);
    const exclude = { fingerprint: { exclude: ['user.id'] } };
    assert.equal(await isSame(t, order(one, one), order(other, one), exclude), true);
  });

  it('keep their digits for a function that chooses, and are numbers to it', async (t) => {
    const order = (id) => body(`{"id":${id},"small":5}`);
    const [one, other] = ['175928847299117063', '175928847299117064'];
    const chosen = { fingerprint: ({ id, small }) => [id, small + 1] };
    assert.equal(await isSame(t, order(one), order(other), chosen), false);
    assert.equal(await isSame(t, order(one), order(one), chosen), true);
    for (const fingerprint of [({ id }) => `${id}`, JSON.stringify, (order) => ({ ...order })]) {
      assert.equal(await isSame(t, order(one), order(other), { fingerprint }), false);
      assert.equal(await isSame(t, order(one), order(one), { fingerprint }), true);
    }
    assert.equal(await isSame(t, order(one), order(other), { fingerprint: ({ id }) => id / 2 }), true);
  });

  it('a number of a million digits is read in a moment, wherever its zeros are', async (t) => {
    const zeros = '0'.repeat(1_000_000);
    for (const number of [
      `1${zeros}1`,
      `1${zeros}`,
      `0.${zeros}1`,
      `0.1${zeros}1`,
      `0.1${zeros}`,
      `1e${'9'.repeat(1_000_000)}`,
    ]) {
      const start = process.cpuUsage();
      assert.equal(await isSame(t, body(`[${number}]`), body(` [${number}]`)), true);
      const { user } = process.cpuUsage(start);
      assert.ok(user < 1_000_000, `${user} µs`);
    }
  });

  it('any two JSON texts are the same body exactly if their numbers are the same decimals', async (t) => {
    const digits = fc
      .integer({ min: 0, max: 30 })
      .chain((length) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`)));
    const token = fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.constantFrom('0', '1', '9007199254740993', '123456789012345678'),
        digits,
        fc.integer({ min: -400, max: 400 }),
        fc.boolean(),
        fc.boolean(),
      )
      .map(([sign, whole, fraction, exponent, hasFraction, hasExponent]) => {
        const isFraction = hasFraction && fraction !== '';
        return `${sign}${whole}${isFraction ? `.${fraction}` : ''}${hasExponent ? `e${exponent}` : ''}`;
      });
    const near = token.map((text) => text.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10)));
    const { send, calls } = counted(t);
    let key = 0;
    await fc.assert(
      fc.asyncProperty(token, fc.oneof(token, near), async (one, other) => {
        key += 1;
        assert.equal((await send({ key: `p${key}`, ...body(`[${one}]`) })).status, 201);
        const runs = calls.length;
        const { status } = await send({ key: `p${key}`, ...body(`[${other}]`) });
        assert.equal(calls.length, runs);
        assert.equal(status !== 422, isSameNumber(one, other), `${one} and ${other}`);
      }),
      { numRuns: 500 },
    );
  });
});

/** As decimals where a double holds both, as they are written where it holds one of them not. */
function isSameNumber(one, other) {
  const decimal = (text) => {
    const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text);
    const all = whole + fraction;
    const significant = all.replace(/^0+/, '').replace(/0+$/, '');
    const zeros = all.length - all.replace(/0+$/, '').length;
    return significant === '' ? '0' : `${sign}${significant}e${Number(exponent) - fraction.length + zeros}`;
  };
  const isHeld = (text) => Number.isFinite(Number(text)) && decimal(String(Number(text))) === decimal(text);
  return isHeld(one) && isHeld(other) ? decimal(one) === decimal(other) : one === other;
}

describe('forms', () => {
  const form = (...entries) => {
    const data = new FormData();
    for (const [name, value] of entries) data.append(name, value);
    return data;
  };
  const file = (text, name = 'scan.png', type = 'image/png') => new File([text], name, { type });

  it('two files of one name, size and type are compared by their bytes', async (t) => {
    const upload = (text) => ({ body: form(['scan', file(text)], ['note', 'x']) });
    assert.equal(await isSame(t, upload('abc'), upload('abd')), false);
    assert.equal(await isSame(t, upload('abc'), upload('abc')), true);
    assert.equal(await isSame(t, upload(''), upload('')), true);
  });

  it('name and type of a file count', async (t) => {
    const upload = (...more) => ({ body: form(['scan', file('abc', ...more)]) });
    assert.equal(await isSame(t, upload('a.png'), upload('b.png')), false);
    assert.equal(await isSame(t, upload('a.png', 'image/png'), upload('a.png', 'image/jpeg')), false);
  });

  it('of a file as large as can be the first 16 MiB count', async (t) => {
    const most = 16 * 1024 * 1024;
    const upload = (at, size = most + 1) => {
      const bytes = new Uint8Array(size);
      bytes[at] = 1;
      return { body: form(['scan', file(bytes)]) };
    };
    assert.equal(await isSame(t, upload(most - 1), upload(most - 2)), false);
    assert.equal(await isSame(t, upload(most), upload(most, most + 2)), false);
    assert.equal(await isSame(t, upload(most), upload(most - 1)), false);
    assert.equal(await isSame(t, { body: upload(most).body }, upload(most)), true);
  });

  it('what is not UTF-8 is compared by its bytes, where decoding would make one of two', async (t) => {
    assert.equal(await isSame(t, urlencoded('name=%E9'), urlencoded('name=%E8')), false);
    assert.equal(await isSame(t, urlencoded('name=\xe9'), urlencoded('name=\xe8')), false);
    assert.equal(await isSame(t, urlencoded('name=%E9'), urlencoded('name=%E9')), true);
    assert.equal(await isSame(t, urlencoded('a=1&b=%C3%A9+x'), urlencoded('b=%c3%a9%20x&a=1')), true);
    const multipart = (boundary, byte) => ({
      body: Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\n${byte}\r\n--${boundary}--\r\n`,
        'latin1',
      ),
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    });
    assert.equal(await isSame(t, multipart('one', '\xe9'), multipart('one', '\xe8')), false);
    assert.equal(await isSame(t, multipart('one', '\xe9'), multipart('another', '\xe9')), true);
  });
});

describe('a record that an older version made', () => {
  const scope = ['orders', 'POST /orders', 'ann'];
  const response = { status: 201, statusText: '', headers: [], body: 'as before' };
  /** `text` is what that version made of the body, to be compared. */
  const made = async (world, text) => {
    await recordedBefore(world, { key: 'k', scope, text, value: response });
    return counted(world.t, { client: world.client() });
  };

  onEachStore('replays for the same large number, which that version had rounded', async (world) => {
    const { send, calls } = await made(world, '{"b":1,"userId":175928847299117060,}');
    const again = await send({ body: '{"userId":175928847299117063,"b":1}' });
    assert.deepEqual([again.status, await again.text()], [201, 'as before']);
    await assertProblem(await send({ body: '{"b":2,"userId":175928847299117063}' }), 422, 'ERR_KEY_REUSED');
    assert.equal(calls.length, 0);
  });

  onEachStore('replays for a form with a file, whose bytes that version did not look at', async (world) => {
    const upload = (text) => {
      const form = new FormData();
      form.set('scan', new File([text], 'scan.png', { type: 'image/png' }));
      return { body: form };
    };
    const { send, calls } = await made(world, 'Form{"scan":[File("scan.png",3,"image/png"),],}');
    assert.equal(await (await send(upload('abc'))).text(), 'as before');
    await assertProblem(await send(upload('abcd')), 422, 'ERR_KEY_REUSED');
    assert.equal(calls.length, 0);
  });

  onEachStore('replays for a form that is not UTF-8', async (world) => {
    const { send, calls } = await made(world, 'Form{"name":["\ufffd",],}');
    assert.equal(await (await send(urlencoded('name=%E9'))).text(), 'as before');
    assert.equal(calls.length, 0);
  });

  onEachStore('is waited for while it runs, and the mismatch is told once', async (world) => {
    const former = formerClient(world, '{"userId":175928847299117060,}');
    const finish = gate();
    const running = former.withIdempotency('k', () => finish.promise, { scope });
    const client = world.client();
    await eventually(async () => (await client.inspect({ key: 'k', scope }))?.state === 'processing');
    const events = [];
    client.on(({ type }) => events.push(type));
    const { send, calls } = counted(world.t, { client, onDuplicate: 'wait' });
    const waiting = [1, 2].map(() => send(body('{"userId":175928847299117063}')));
    const other = await send(body('{"userId":5}'));
    await assertProblem(other, 422, 'ERR_KEY_REUSED');
    finish.resolve(response);
    await running;
    for (const answer of await Promise.all(waiting)) assert.equal(await answer.text(), 'as before');
    assert.deepEqual(
      events.filter((type) => type === 'mismatch'),
      ['mismatch'],
    );
    assert.equal(calls.length, 0);
  });
});
