// Judges the history of a soak: what calls were made, what their functions did, what callers were told, and what the
// store says in the end. It knows the promises of docs/guarantees.md and nothing of the library.
//
// An entry of the history is one of
//   { what: 'asked', call, key, pid }                        a caller calls
//   { what: 'started', call, key, fence, attempt }           its fn begins
//   { what: 'effect', key, fence }                           the effect happens
//   { what: 'unrecorded', key, fence }                       its caller has the value, the store has not yet
//   { what: 'answered', call, key, status?, value?, code? }  the caller is told; a value is { fence } of its run
//   { what: 'killed', pid }                                  a process is gone, and its callers with it
//   { what: 'final', key, value?, code? }                    what a caller is told once all is quiet

/** What a caller may be told besides a value; `threw` is the function's own error. */
const CODES = [
  'threw',
  'ERR_IN_PROGRESS',
  'ERR_INDETERMINATE',
  'ERR_LEASE_LOST',
  'ERR_STORE_UNAVAILABLE',
  'ERR_STORE_REFUSED',
  'ERR_CLOSED',
];

/** Those entries of a kind, by their key. */
function byKey(history, what) {
  const groups = new Map();
  for (const entry of history) {
    if (entry.what !== what) continue;
    if (!groups.has(entry.key)) groups.set(entry.key, []);
    groups.get(entry.key).push(entry);
  }
  return groups;
}

/** Keys whose function may be started once only; the others may run again after a crash. */
export const isHeld = (key) => key.startsWith('hold-');

function* unanswered(history) {
  const answered = new Set(history.filter(({ what }) => what === 'answered').map(({ call }) => call));
  const killed = new Set(history.filter(({ what }) => what === 'killed').map(({ pid }) => pid));
  for (const { what, call, key, pid } of history) {
    if (what === 'asked' && !answered.has(call) && !killed.has(pid)) yield `${key}: call ${call} was never answered`;
  }
}

function* wrongAnswers(history) {
  for (const { what, key, code, value } of history) {
    if (what !== 'answered' && what !== 'final') continue;
    if (code !== undefined && !CODES.includes(code)) yield `${key}: a caller was told ${code}`;
    if (code === undefined && value?.fence === undefined) yield `${key}: a caller was told nothing`;
  }
}

function* runsOf(key, started, effects) {
  if (isHeld(key) && started.length > 1) yield `${key}: started ${started.length} times although it is held`;
  for (const [kind, entries] of [
    ['starts', started],
    ['effects', effects],
  ]) {
    const fences = entries.map(({ fence }) => fence);
    if (new Set(fences).size < fences.length) yield `${key}: two ${kind} in one fence`;
  }
  const inOrder = started.toSorted((one, two) => one.attempt - two.attempt);
  for (const [at, { attempt, fence }] of inOrder.entries()) {
    const earlier = inOrder[at - 1];
    if (earlier && earlier.fence >= fence) yield `${key}: the fence of attempt ${attempt} is not above the one before`;
  }
}

/** The outcome of a key is one, is real, is there in the end, and nothing has begun after it. */
function* outcomeOf(key, { started, effects, unrecorded, answers, final }) {
  const pending = new Set(unrecorded.map(({ fence }) => fence));
  const values = answers.filter(({ value }) => value).map(({ value, status }) => ({ fence: value.fence, status }));
  const isRecorded = ({ fence, status }) => status === 'replayed' || !pending.has(fence);
  const recorded = new Set(values.filter(isRecorded).map(({ fence }) => fence));
  if (final?.value) recorded.add(final.value.fence);
  if (recorded.size > 1) yield `${key}: ${recorded.size} outcomes`;
  if (recorded.size > 0 && !final?.value) yield `${key}: its outcome is lost: ${final?.code ?? 'nobody asked'}`;
  for (const fence of new Set([...values.map((value) => value.fence), ...recorded])) {
    if (!effects.some((effect) => effect.fence === fence)) yield `${key}: an outcome of no effect`;
  }
  for (const fence of recorded) {
    if (started.some((run) => run.fence > fence)) yield `${key}: started again after its outcome`;
  }
}

/** Every breach of a promise, in words; none is what is to be proved. */
export function judge(history) {
  const [started, effects, unrecorded, answers, finals] = ['started', 'effect', 'unrecorded', 'answered', 'final'].map(
    (what) => byKey(history, what),
  );
  const breaches = [...unanswered(history), ...wrongAnswers(history)];
  for (const key of new Set(history.filter((entry) => entry.key).map((entry) => entry.key))) {
    const of = (entries) => entries.get(key) ?? [];
    breaches.push(...runsOf(key, of(started), of(effects)));
    const [final] = of(finals);
    const told = {
      started: of(started),
      effects: of(effects),
      unrecorded: of(unrecorded),
      answers: of(answers),
      final,
    };
    breaches.push(...outcomeOf(key, told));
  }
  return breaches;
}
