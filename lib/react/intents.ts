/**
 * Which key a submission gets: decided when it is submitted, from what is sent and what is known of earlier attempts.
 * The same thing sent again without a seen outcome is the same intent; once the outcome was seen, only a double click is.
 * Pure: time, randomness and storage are given.
 */

/** One thing that was sent. */
export interface Attempt {
  readonly fingerprint: string;
  readonly key: string;
  readonly sentAt: number;
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

export const NOTHING_SENT: Intents = { attempts: [], used: [] };
const REMEMBERED = 20;

function isSameIntent(attempt: Attempt, fingerprint: string, now: number, rules: Rules): boolean {
  if (attempt.fingerprint !== fingerprint || now - attempt.sentAt >= rules.lifetimeMs) return false;
  return attempt.seenAt === undefined || now - attempt.seenAt < rules.repeatAfterMs;
}

export function keyFor(
  intents: Intents,
  fingerprint: string,
  now: number,
  rules: Rules,
): { key: string; intents: Intents } {
  const known = intents.attempts.findLast((attempt) => isSameIntent(attempt, fingerprint, now, rules));
  if (known !== undefined) return { key: known.key, intents };
  const { suggested } = rules;
  const isFresh = suggested !== undefined && suggested !== '' && !intents.used.includes(suggested);
  const key = isFresh ? suggested : rules.makeKey();
  const others = intents.attempts.filter((attempt) => attempt.fingerprint !== fingerprint);
  return {
    key,
    intents: {
      attempts: [...others, { fingerprint, key, sentAt: now }].slice(-REMEMBERED),
      used: isFresh ? [...intents.used, key].slice(-REMEMBERED) : intents.used,
    },
  };
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
