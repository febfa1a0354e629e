// A body that is nested too deeply to be compared is the client's mistake: answered as such, and nothing of it is told
// to the operator.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertProblem, counted } from '../support/route.mjs';
import '../support/unhandled.mjs';

const body = (text) => ({ body: text });

/** Whether the second body counts as the first one sent again. */
async function isSame(t, first, second, options) {
  const { send, calls } = counted(t, options);
  assert.equal((await send(first)).status, 201);
  const { status, headers } = await send(second);
  assert.equal(calls.length, 1);
  assert.ok(status === 422 || headers.get('idempotent-replayed') === 'true', `${status}`);
  return status !== 422;
}

describe('a body that is nested too deeply to be compared', () => {
  const deep = (depth, leaf = '1') => `{"a":${'['.repeat(depth)}${leaf}${']'.repeat(depth)}}`;
  const secret = 'customer-name\u001b[31m';

  for (const depth of [200, 1_000, 100_000]) {
    it(`is the client's mistake at ${depth} levels: 400, nothing runs, nothing is said on stderr`, async (t) => {
      const warnings = [];
      const listener = ({ message }) => warnings.push(message);
      process.on('warning', listener);
      t.after(() => process.off('warning', listener));
      const { send, calls } = counted(t);
      const { detail } = await assertProblem(await send(body(deep(depth))), 400, 'ERR_INVALID_ARGUMENT');
      assert.match(detail, /nested deeper than 200/);
      assert.ok(detail.length < 500, detail);
      await new Promise(setImmediate);
      assert.deepEqual([calls.length, warnings], [0, []]);
    });
  }

  it('and 199 levels are none', async (t) => {
    assert.equal(await isSame(t, body(deep(198)), body(` ${deep(198)}`)), true);
    assert.equal(await isSame(t, body(deep(198)), body(deep(198, '2'))), false);
    const large = '175928847299117063';
    assert.equal(await isSame(t, body(deep(198, large)), body(` ${deep(198, large)}`)), true);
  });

  it('is none where what is compared is not', async (t) => {
    const order = body(`{"id":1,"tree":${'['.repeat(5_000)}${']'.repeat(5_000)}}`);
    assert.equal(await isSame(t, order, order, { fingerprint: ['id'] }), true);
  });

  it('the names of a client are told shortened, and cannot write on a terminal', async (t) => {
    const { send } = counted(t);
    let text = '1';
    for (let depth = 0; depth < 250; depth++) text = `{${JSON.stringify(secret + 'x'.repeat(100))}:${text}}`;
    const { detail } = await assertProblem(await send(body(text)), 400, 'ERR_INVALID_ARGUMENT');
    assert.ok(detail.length < 500, `${detail.length}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the case
    assert.doesNotMatch(detail, /\u001b/);
  });

  it('what the route itself gives to be compared is the route’s mistake', async (t) => {
    const { send } = counted(t, { payload: () => [() => {}] });
    await assertProblem(await send(), 500, 'ERR_INVALID_ARGUMENT');
    const chosen = counted(t, { fingerprint: () => Symbol('own') });
    await assertProblem(await chosen.send(), 500, 'ERR_INVALID_ARGUMENT');
  });
});
