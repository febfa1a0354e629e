/**
 * Which key a submission gets: decided when it is submitted, from what is sent and what is known of earlier attempts.
 * The same thing sent again without a seen outcome is the same intent; once the outcome was seen, only a double click is.
 * What is open is never forgotten before its time: the next try of it would be a second order.
 * Pure: time, randomness and storage are given.
 */

/** One thing that was sent. */
export interface Attempt {
  readonly fingerprint: string;
  readonly key: string;
  readonly sentAt: number;
  /** The form was read, perhaps by something that only looks at it at every key stroke: it is not known to be sent. */
  readonly isDraft?: true;
  /** When its outcome was seen; undefined while it is open. */
  readonly seenAt?: number;
}

/** What a tab knows of one form, the latest attempt last. */
export interface Intents {
  readonly attempts: readonly Attempt[];
  /** Keys that were made by the server and used: the router cache and Back show them again. */
  readonly used: readonly string[];
}

export interface Rules {
  /** How long after a seen outcome the same thing is still a double click. */
  readonly repeatAfterMs: number;
  /** How long an open attempt is worth its key; below the server's retention. */
  readonly lifetimeMs: number;
  /** A key the server made for this render, if any. */
  readonly suggested: string | undefined;
  readonly makeKey: () => string;
}

/** The key, and what is known from now on; or for how long there is no room for one more. */
export type Choice =
  | { readonly key: string; readonly intents: Intents; readonly fullForMs?: undefined }
  | { readonly fullForMs: number; readonly key?: undefined; readonly intents: Intents };

export const NOTHING_SENT: Intents = { attempts: [], used: [] };

/** Of attempts, and of keys that the server made: about 100 KB of the 5 MB that a page may store. */
export const MOST = 1_000;

/** Of what was read last, one is sent. */
const MOST_DRAFTS = 20;

function withoutOldDrafts(attempts: readonly Attempt[]): readonly Attempt[] {
  const old = attempts.filter(({ isDraft }) => isDraft).slice(0, -MOST_DRAFTS);
  return old.length === 0 ? attempts : attempts.filter((attempt) => !old.includes(attempt));
}

/** When it stops to count. */
function endOf({ sentAt, seenAt }: Attempt, { lifetimeMs, repeatAfterMs }: Rules): number {
  return seenAt === undefined ? sentAt + lifetimeMs : Math.min(sentAt + lifetimeMs, seenAt + repeatAfterMs);
}

/** @param isSame whether an attempt sent the same thing */
export function keyFor(
  intents: Intents,
  fingerprint: string,
  now: number,
  rules: Rules,
  isSame: (attempt: Attempt) => boolean = (attempt) => attempt.fingerprint === fingerprint,
): Choice {
  const attempts = intents.attempts.filter((attempt) => now < endOf(attempt, rules));
  const known = attempts.findLast(isSame);
  if (known !== undefined) return { key: known.key, intents };
  const sent = attempts.filter(({ isDraft }) => !isDraft);
  if (sent.length >= MOST) {
    return { fullForMs: Math.min(...sent.map((attempt) => endOf(attempt, rules))) - now, intents };
  }
  const { suggested } = rules;
  // With more keys of the server than can be remembered, none of them is known to be fresh.
  const isKnown = intents.used.length >= MOST || intents.used.includes(suggested ?? '');
  const isFresh = suggested !== undefined && suggested !== '' && !isKnown;
  const key = isFresh ? suggested : rules.makeKey();
  return {
    key,
    intents: {
      attempts: withoutOldDrafts([...attempts, { fingerprint, key, sentAt: now, isDraft: true }]),
      used: isFresh ? [...intents.used, key] : intents.used,
    },
  };
}

export function isSent({ attempts }: Intents, key: string): boolean {
  return attempts.some((attempt) => attempt.key === key && attempt.isDraft === undefined);
}

/**
 * It is on its way: from now on it is open until its outcome is seen. It may not be known: forgotten as a draft, or its key
 * is that of the render, sent before the page was heard.
 */
export function sent(intents: Intents, key: string, fingerprint: string, now: number): Intents {
  if (!intents.attempts.some((attempt) => attempt.key === key)) {
    return {
      attempts: [...intents.attempts, { fingerprint, key, sentAt: now }],
      used: intents.used.includes(key) ? intents.used : [...intents.used, key],
    };
  }
  const attempts = intents.attempts.map(({ isDraft, ...attempt }) =>
    isDraft && attempt.key !== key ? { ...attempt, isDraft } : attempt,
  );
  return { ...intents, attempts };
}

/** Its outcome has reached the page. */
export function seen(intents: Intents, key: string, now: number): Intents {
  const attempts = intents.attempts.map((attempt) =>
    attempt.key === key && attempt.seenAt === undefined ? { ...attempt, seenAt: now } : attempt,
  );
  return { ...intents, attempts };
}

/** The next submission of the same thing is a new intent. */
export function forgotten(intents: Intents, key: string): Intents {
  return { ...intents, attempts: intents.attempts.filter((attempt) => attempt.key !== key) };
}
