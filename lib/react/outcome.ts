/** What the end of an action tells the page: whether its outcome has been seen, and what of it is a problem of ours. */
import { outcomeMark } from '../wire/outcome-mark';
import { type Problem, readProblem } from '../wire/problem';
import { forget, noteSent, outcomeSeen } from './tab';

const CONTROL_FLOW = /^(?:NEXT_REDIRECT;|NEXT_HTTP_ERROR_FALLBACK;|NEXT_NOT_FOUND$)/;

/**
 * A redirect, a 404 page and an error that was recorded for this key are outcomes. Anything else thrown may hide a run
 * whose end is not known, or one that was released for the next try.
 */
function isOutcome(error: unknown, key: string): boolean {
  const digest = (error as { digest?: unknown } | null)?.digest;
  return typeof digest === 'string' && (CONTROL_FLOW.test(digest) || digest === outcomeMark(key));
}

/** Runs an action under a key and remembers what became of it; gives and throws what the action does. */
export async function followed<T>(id: string, key: string, run: () => T | PromiseLike<T>): Promise<T> {
  noteSent(id, key);
  try {
    const result = await run();
    outcomeSeen(id, key);
    return result;
  } catch (error) {
    if (isOutcome(error, key)) outcomeSeen(id, key);
    else noteProblem(id, key, readProblem(error));
    throw error;
  }
}

function noteProblem(id: string, key: string, problem: Problem | undefined): void {
  // It ran, and nobody can have its value any more.
  if (problem?.code === 'ERR_RESULT_UNAVAILABLE') outcomeSeen(id, key);
  // Something else was sent under this key: it is of no use for this.
  if (problem?.code === 'ERR_KEY_REUSED') forget(id, key);
}
