/** What the end of an action tells the page: whether its outcome has been seen, and what of it is a problem of ours. */
import { KEY_FIELD, THROWS_PROBLEMS } from '../wire/form-entries';
import { outcomeMark } from '../wire/outcome-mark';
import { type Problem, readProblem } from '../wire/problem';
import { type Asker, textOfAsker, unmarked } from '../wire/unrecorded';
import { forget, outcomeSeen } from './tab';

const CONTROL_FLOW = /^(?:NEXT_REDIRECT;|NEXT_HTTP_ERROR_FALLBACK;|NEXT_NOT_FOUND$)/;

/** Something that is sent under a key, and how its sender is told what is not on record. */
export interface Submission {
  readonly id: string;
  readonly key: string;
  readonly asker: Asker;
  /** Whether this tab had sent the same under this key before. */
  readonly isRepeated: boolean;
}

/** Where an action is given a form, it looks for the key in there. */
export function address(form: FormData, { key, asker }: Submission): void {
  form.set(KEY_FIELD, key);
  form.set(THROWS_PROBLEMS, textOfAsker(asker));
}

/**
 * Runs an action under a key and remembers what became of it. Gives and throws what the action does: that is its outcome,
 * unless it is marked as something else.
 */
export async function followed<T>(submission: Submission, run: () => T | PromiseLike<T>): Promise<T> {
  const { id, key, asker } = submission;
  let result: T;
  try {
    result = await run();
  } catch (error) {
    if (isOutcome(error, submission)) outcomeSeen(id, key);
    else noteProblem(submission, readProblem(error));
    throw error;
  }
  const unrecorded = unmarked(asker, result);
  if (unrecorded?.flow !== undefined) throw asFlow(unrecorded.flow);
  if (unrecorded !== undefined) return unrecorded.value as T;
  outcomeSeen(id, key);
  return result;
}

/**
 * A redirect, a 404 page and an error that was recorded for this key are outcomes. Anything else thrown may hide a run
 * whose end is not known, or one that was released for the next try. A redirect may also come from `scope`: where that
 * would not be marked, only what was sent for the first time has had its outcome by it.
 */
function isOutcome(error: unknown, { key, asker, isRepeated }: Submission): boolean {
  const digest = (error as { digest?: unknown } | null)?.digest;
  if (typeof digest !== 'string') return false;
  return digest === outcomeMark(key) || (CONTROL_FLOW.test(digest) && (asker.throwsFlow || !isRepeated));
}

/** What Next's boundaries in the page follow, as they follow what a component throws. */
function asFlow(digest: string): Error {
  return Object.assign(new Error(digest.split(';', 1)[0]), { digest });
}

function noteProblem({ id, key, isRepeated }: Submission, problem: Problem | undefined): void {
  // It ran, and nobody can have its value any more.
  if (problem?.code === 'ERR_RESULT_UNAVAILABLE') outcomeSeen(id, key);
  // Something else was sent under this key: it is of no use for this. If this was sent before, the record may be its own,
  // and what has changed is the server's choice of what to compare.
  if (problem?.code === 'ERR_KEY_REUSED' && !isRepeated) forget(id, key);
}
