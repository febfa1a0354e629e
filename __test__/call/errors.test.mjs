// Every code is described, everything described is a code, and an error carries what it says.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import * as actonce from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';

const { CODES } = await bundle('lib/errors.ts');
const { STORE_CODES } = await bundle('lib/native/addon.ts');
const text = (file) => fs.readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

test('docs/errors.md has a section for every code, and no other', () => {
  const sections = [...text('docs/errors.md').matchAll(/^## (\S+)$/gm)].map(([, code]) => code);
  assert.deepEqual(sections.toSorted(), Object.keys(CODES).toSorted());
});

test("the table in docs/errors.md says which codes are retryable, as the errors' own table does", () => {
  const rows = [...text('docs/errors.md').matchAll(/^\| `(ERR_\w+)` \| (yes|no) \|/gm)];
  const documented = Object.fromEntries(rows.map(([, code, answer]) => [code, answer === 'yes']));
  const implemented = Object.fromEntries(Object.entries(CODES).map(([code, { retryable }]) => [code, retryable]));
  assert.deepEqual(documented, implemented);
});

test('every code is in the type ErrorCode of index.d.ts, and no other', () => {
  const [, union] = text('index.d.ts').match(/export type ErrorCode =([^;]+);/);
  assert.deepEqual([...union.matchAll(/'(\w+)'/g)].map(([, code]) => code).toSorted(), Object.keys(CODES).toSorted());
});

test('the codes that cross from Rust are in the order of src/error.rs', () => {
  const [, list] = text('src/error.rs').match(/pub const CODES[^=]*= \[([^\]]+)\]/);
  assert.deepEqual(
    [...list.matchAll(/"(\w+)"/g)].map(([, code]) => code),
    [...STORE_CODES],
  );
});

test('an error says what happened, then what to do, and carries code, digest, hash and cause', () => {
  const cause = new Error('why');
  const error = new actonce.InProgressError({ detail: 'since lunch', hash: 'h'.repeat(22), retryAfterMs: 1500, cause });
  assert.equal(error.name, 'InProgressError');
  assert.match(error.message, /is running: since lunch\. Call again .* \[ERR_IN_PROGRESS\]$/);
  assert.equal(error.digest, `ACTONCE;ERR_IN_PROGRESS;1500;${'h'.repeat(22)}`);
  assert.deepEqual([error.retryable, error.retryAfterMs, error.hash, error.cause], [true, 1500, 'h'.repeat(22), cause]);
  assert.match(error.stack, /^InProgressError: /);
});

test('a quota is no fault of the request: retryable, when there is room again', () => {
  const error = new actonce.QuotaError({ retryAfterMs: 5_400_000 });
  assert.deepEqual([error.name, error.code, error.retryable], ['QuotaError', 'ERR_QUOTA', true]);
  assert.equal(error.digest, 'ACTONCE;ERR_QUOTA;5400000');
  assert.ok(actonce.isActonceError(error, 'ERR_QUOTA'));
});

test('errors without a hint say 0 in the digest, which is always a string', () => {
  assert.equal(new actonce.KeyReusedError().digest, 'ACTONCE;ERR_KEY_REUSED;0');
});

test('the classes carry the values they are for', () => {
  const since = new Date(5);
  const indeterminate = new actonce.IndeterminateError(7, since);
  assert.deepEqual([indeterminate.fence, indeterminate.since], [7, since]);
  const lost = new actonce.LeaseLostError('refused', { value: undefined });
  assert.deepEqual([lost.reason, lost.hasValue, lost.value], ['refused', true, undefined]);
  assert.equal(new actonce.LeaseLostError('max-lease').hasValue, false);
  const unavailable = new actonce.ResultUnavailableError('unencodable', 'a.b');
  assert.deepEqual([unavailable.reason, unavailable.path], ['unencodable', 'a.b']);
});

test('isActonceError tells errors by code, also those of another copy of the module', async () => {
  const copy = await bundle('lib/errors.ts');
  const foreign = new copy.InProgressError();
  assert.equal(foreign instanceof actonce.ActonceError, false);
  assert.equal(actonce.isActonceError(foreign), true);
  assert.equal(actonce.isActonceError(foreign, 'ERR_IN_PROGRESS'), true);
  assert.equal(actonce.isActonceError(foreign, 'ERR_CLOSED'), false);
  for (const other of [new Error('x'), { code: 'ERR_CLOSED' }, undefined, null, 'ERR_CLOSED']) {
    assert.equal(actonce.isActonceError(other), false);
  }
});

test('the errors of state machines say where the instance is, and carry the values they are for', async () => {
  const { InvalidTransitionError, VersionConflictError, StateNotReachedError, UnknownStateError } =
    await bundle('lib/machine/errors.ts');
  const of = { machine: 'payment', id: '7' };
  const cases = [
    [
      InvalidTransitionError,
      { from: 'paid', event: 'PAY', allowed: ['REFUND'], version: 3 },
      /in 'paid'.*'PAY'.*'REFUND'/,
    ],
    [InvalidTransitionError, { from: 'paid', event: 'PAY', allowed: [], version: 3 }, /nothing leads on/],
    [VersionConflictError, { expected: 2, version: 3, state: 'paid' }, /version 3, not 2/],
    [StateNotReachedError, { reason: 'timeout', state: 'paid', wanted: ['open'] }, /has not reached 'open'/],
    [StateNotReachedError, { reason: 'unreachable', state: 'paid', wanted: ['open'] }, /cannot reach 'open'/],
    [UnknownStateError, { state: 'gone' }, /states\.gone/],
  ];
  for (const [Type, facts, message] of cases) {
    const cause = new Error('why');
    const error = new Type({ ...of, ...facts }, { cause });
    assert.equal(error.name, Type.name.replace(/\d+$/, ''));
    assert.ok(error.message.includes("payment '7'"), error.message);
    assert.match(error.message, message);
    for (const [field, value] of Object.entries({ ...of, ...facts, cause })) assert.deepEqual(error[field], value);
    assert.equal(error.retryable, facts.reason === 'timeout');
    assert.ok(actonce.isActonceError(error, error.code));
  }
});
