/**
 * What stands between a submission and its outcome: a refusal of the server, a network that took the answer, or a tab
 * that can remember no more. Each is a problem with a code, and after each the key is still the one to send.
 */
import type { Problem } from '../../react';
import { readProblem as readRefusal } from '../wire/problem';

/** The words of browsers, of React for an answer that breaks off, and of Next for an answer that is no answer of it. */
const LOST_ANSWERS = [
  /^Failed to fetch/, // Chromium
  /^network error$/i, // Chromium, in the middle of an answer
  /^NetworkError when attempting to fetch resource/, // Firefox
  /^Error in input stream$/, // Firefox, in the middle of an answer
  /^(?:Load failed|The network connection was lost|The Internet connection appears to be offline)/, // Safari
  /^Connection closed\.$/,
  /^Minified React error #412;/, // the same in production
  /^An unexpected response was received from the server\.$/,
];

/** A proxy's plain text, which Next makes the message of an error. */
const GATEWAYS =
  /^(?:bad gateway|gateway time-?out|service unavailable|upstream |no healthy upstream|stream timeout|error code: 5\d\d|An error occurred with (?:your|this) deployment)/i;

/** What the server has thrown has a digest: this has not come from there. */
function isLostAnswer(error: unknown): boolean {
  if (!(error instanceof Error) || typeof (error as { digest?: unknown }).digest === 'string') return false;
  if (typeof navigator !== 'undefined' && navigator.onLine === false) return true;
  return LOST_ANSWERS.some((words) => words.test(error.message)) || GATEWAYS.test(error.message);
}

const NO_ANSWER: Problem = { code: 'ERR_NETWORK', retryable: true, retryAfterMs: 0, reference: undefined };

export function readProblem(error: unknown): Problem | undefined {
  return readRefusal(error) ?? (isLostAnswer(error) ? NO_ANSWER : undefined);
}

/** The error of a problem, as an error boundary gets it: `readProblem` reads it again. */
export function asError({ code, retryAfterMs, reference }: Problem): Error {
  if (code === 'ERR_NETWORK') return new TypeError('Failed to fetch');
  const digest = `ACTONCE;${code};${retryAfterMs}${reference === undefined ? '' : `;${reference}`}`;
  return Object.assign(new Error(`The submission was refused. [${code}]`), { code, digest });
}

/** Nothing was sent. */
export function tabIsFull(id: string, most: number, retryAfterMs: number): Error {
  const code = 'ERR_TAB_FULL';
  const message =
    `This tab waits for the outcomes of ${most} submissions of '${id}', and forgets none of them, since its next try ` +
    `would run again. Send those again first, or wait. Nothing was sent. [${code}]`;
  return Object.assign(new Error(message), { code, retryAfterMs, digest: `ACTONCE;${code};${retryAfterMs}` });
}
