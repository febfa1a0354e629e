// The judge of the soak is judged first: it lets an honest history pass, and finds each kind of breach in a forged one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../support/judge.mjs';
import '../support/unhandled.mjs';

/** One key: a run, its answer, a replay, the final word. */
const honest = (key = 'rerun-1') => [
  { what: 'asked', call: `${key}/1`, key, pid: 1 },
  { what: 'started', call: `${key}/1`, key, fence: 10, attempt: 1 },
  { what: 'effect', key, fence: 10 },
  { what: 'answered', call: `${key}/1`, key, value: { fence: 10 } },
  { what: 'asked', call: `${key}/2`, key, pid: 2 },
  { what: 'answered', call: `${key}/2`, key, value: { fence: 10 } },
  { what: 'final', key, value: { fence: 10 } },
];

test('an honest history passes', () => {
  assert.deepEqual(judge([...honest(), ...honest('hold-1')]), []);
});

test('a killed process: its caller needs no answer, another attempt may run, with a larger fence', () => {
  const killed = [
    { what: 'asked', call: 'x', key: 'rerun-1', pid: 9 },
    { what: 'started', call: 'x', key: 'rerun-1', fence: 5, attempt: 0 },
    { what: 'effect', key: 'rerun-1', fence: 5 },
    { what: 'killed', pid: 9 },
  ];
  assert.deepEqual(judge([...killed, ...honest()]), []);
});

test('a value that was not recorded in time may be superseded', () => {
  const away = [
    { what: 'asked', call: 'x', key: 'rerun-1', pid: 9 },
    { what: 'started', call: 'x', key: 'rerun-1', fence: 5, attempt: 0 },
    { what: 'effect', key: 'rerun-1', fence: 5 },
    { what: 'unrecorded', key: 'rerun-1', fence: 5 },
    { what: 'answered', call: 'x', key: 'rerun-1', value: { fence: 5 } },
  ];
  assert.deepEqual(judge([...away, ...honest()]), []);
});

test('a held key that nobody knows the end of passes', () => {
  const key = 'hold-1';
  const history = [
    { what: 'asked', call: 'x', key, pid: 9 },
    { what: 'started', call: 'x', key, fence: 5, attempt: 1 },
    { what: 'killed', pid: 9 },
    { what: 'final', key, code: 'ERR_INDETERMINATE' },
  ];
  assert.deepEqual(judge(history), []);
});

const without = (matches) => honest().filter((entry) => !matches(entry));
const changed = (matches, more) => honest().map((entry) => (matches(entry) ? { ...entry, ...more } : entry));
const again = (fence, attempt, key = 'rerun-1') => ({ what: 'started', call: 'y', key, fence, attempt });

const forgeries = {
  'two effects in one fence': [
    [...honest(), { what: 'effect', key: 'rerun-1', fence: 10 }],
    /two effects in one fence/,
  ],
  'two starts in one fence': [[...honest(), again(10, 1)], /two starts in one fence/],
  'a fence that does not grow': [[...honest(), again(9, 2)], /fence of attempt 2 is not above/],
  'a held key that is started twice': [
    [...honest('hold-1'), again(9, 0, 'hold-1')],
    /started 2 times although it is held/,
  ],
  'a start after the outcome': [[...honest(), again(11, 2)], /started again after its outcome/],
  'a result that changes': [
    [
      ...changed(({ call }) => call === 'rerun-1/2', { value: { fence: 11 } }),
      { what: 'effect', key: 'rerun-1', fence: 11 },
    ],
    /2 outcomes/,
  ],
  'a result that is another in the end': [
    changed(({ what }) => what === 'final', { value: { fence: 8 } }),
    /2 outcomes/,
  ],
  'a result that is lost': [
    changed(({ what }) => what === 'final', { value: undefined, code: 'ERR_INDETERMINATE' }),
    /its outcome is lost/,
  ],
  'a result that nobody asked for again': [without(({ what }) => what === 'final'), /its outcome is lost/],
  'a result of nothing': [without(({ what }) => what === 'effect'), /an outcome of no effect/],
  'a caller without an answer': [
    without(({ what, call }) => what === 'answered' && call === 'rerun-1/2'),
    /rerun-1\/2 was never answered/,
  ],
  'an answer that says nothing': [changed(({ what }) => what === 'answered', { value: undefined }), /was told nothing/],
  'an error that no caller should see': [
    changed(({ call, what }) => what === 'answered' && call === 'rerun-1/2', {
      value: undefined,
      code: 'ERR_STORE_PROTOCOL',
    }),
    /was told ERR_STORE_PROTOCOL/,
  ],
};
for (const [what, [history, breach]] of Object.entries(forgeries)) {
  test(`a forged history is refused: ${what}`, () => {
    const breaches = judge(history);
    assert.ok(
      breaches.some((text) => breach.test(text)),
      `found ${JSON.stringify(breaches)}`,
    );
  });
}
