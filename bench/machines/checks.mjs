// Whether a contestant does the job that it is measured at. Each check takes a fresh instance.
import assert from 'node:assert/strict';
import { HISTORY_LIMIT, Refused } from './payment.mjs';

const DATA = { cents: 1999 };
const REFUSED = (event, from) => (error) =>
  error instanceof Refused && error.message === new Refused(event, from).message;

/** What is left of a bare one: the state. */
export async function checkState({ create, send, look }) {
  const id = 'check-state';
  assert.equal((await create(id, DATA)).created, true);
  assert.equal((await create(id, { cents: 1 })).created, false);
  await assert.rejects(send(id, 'COMPLETE', { cents: 2 }, 'token-1'), REFUSED('COMPLETE', 'requested'));
  assertIs(await look(id), { state: 'requested', version: 1, data: DATA });

  const moved = await send(id, 'PROCESS', { cents: 3 }, 'token-2');
  assertIs(moved, { from: 'requested', state: 'processing', version: 2, replayed: false });
  assertIs(await look(id), { state: 'processing', version: 2, data: { cents: 3 } });
  await assert.rejects(send('check-absent', 'PROCESS', DATA, 'token-3'));

  // Many at once: one wins, the others are told where it went.
  const racing = Array.from({ length: 20 }, (_, n) => send(id, 'FAIL', DATA, `racing-${n}`));
  const settled = await Promise.allSettled(racing);
  const refusals = settled.filter(({ reason }) => reason && REFUSED('FAIL', 'failed')(reason));
  assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal(refusals.length, 19);
  assertIs(await look(id), { state: 'failed', version: 3 });
}

/** A command that comes again is answered as it was the first time. */
export async function checkTokens({ create, send, look }) {
  const id = 'check-tokens';
  await create(id, DATA);
  const first = { from: 'requested', state: 'processing', version: 2 };
  // The same command many times at once is applied once, too.
  const answers = await Promise.all(Array.from({ length: 10 }, () => send(id, 'PROCESS', DATA, 'process')));
  for (const answer of answers) assertIs(answer, first);
  assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);

  await send(id, 'FAIL', DATA, 'fail');
  assertIs(await send(id, 'PROCESS', DATA, 'process'), { ...first, replayed: true });
  assertIs(await look(id), { state: 'failed', version: 3, entries: 3, newest: 3 });
}

export async function checkHistory({ create, send, look }) {
  const id = 'check-history';
  await create(id, DATA);
  await send(id, 'PROCESS', DATA, 'process');
  for (let pair = 0; pair < 30; pair++) {
    await send(id, 'FAIL', DATA, `fail-${pair}`);
    await send(id, 'RETRY', DATA, `retry-${pair}`);
  }
  assertIs(await look(id), { state: 'processing', version: 62, entries: HISTORY_LIMIT, newest: 62 });
}

export async function checkTimer({ create, send, look }) {
  const id = 'check-timer';
  const timed = [];
  const note = async () => timed.push((await look(id)).timed);
  await create(id, DATA);
  await note();
  for (const event of ['PROCESS', 'FAIL', 'RETRY', 'COMPLETE']) {
    await send(id, event, DATA, event);
    await note();
  }
  assert.deepEqual(timed, [false, true, false, true, false]);
}

/** Leaves one finished payment behind: the run looks whether it expires. */
export async function finish({ create, send }) {
  await create('finished', DATA);
  await send('finished', 'CANCEL', DATA, 'cancel');
}

function assertIs(actual, expected) {
  const looked = Object.fromEntries(Object.keys(expected).map((field) => [field, actual[field]]));
  assert.deepEqual(looked, expected);
}
