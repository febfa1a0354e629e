/**
 * How an action tells a hook of actonce/react that its answer is not the recorded outcome of the key: a redirect of `scope`
 * to the login page, or the result of `onInvalid`. An earlier attempt may have run nevertheless, so the key stays open.
 * The answer is marked with a token that the hook made for this submission, so nothing that was stored can look like it.
 */

/** What the hook writes into the field THROWS_PROBLEMS. Pages of version 0.1 write '1' and get no marks. */
export interface Asker {
  readonly token: string;
  /** Whether control flow comes back as a marked result, and the hook throws it. Otherwise Next gets it on the server. */
  readonly throwsFlow: boolean;
}

/** Of an answer that is not on record: the result, or the digest of Next's control flow. */
export type Unrecorded = { readonly value: unknown; readonly flow?: undefined } | { readonly flow: string };

const TEXT = /^(result|any);([\w-]{36})$/;
const MARK = 'actonce:unrecorded';

export function textOfAsker({ token, throwsFlow }: Asker): string {
  return `${throwsFlow ? 'any' : 'result'};${token}`;
}

export function askerIn(text: unknown): Asker | undefined {
  const match = typeof text === 'string' ? TEXT.exec(text) : null;
  return match === null ? undefined : { token: match[2] as string, throwsFlow: match[1] === 'any' };
}

export function marked({ token }: Asker, answer: Unrecorded): unknown {
  return { [MARK]: token, ...answer };
}

/** What is marked for this asker; undefined for every other result. */
export function unmarked({ token }: Asker, result: unknown): Unrecorded | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const { [MARK]: mark, flow, value } = result as { readonly [MARK]?: unknown; flow?: unknown; value?: unknown };
  if (mark !== token) return undefined;
  return typeof flow === 'string' ? { flow } : { value };
}
