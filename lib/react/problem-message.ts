/** What a customer reads when a submission was refused or got no answer: what happened, and what to do now. */
import type { Problem } from '../../react';

type Messages = Readonly<Partial<Record<Problem['code'] | 'other', string>>>;

/** Only the message of a problem that is `retryable` asks to press again. */
const ENGLISH: Messages & { readonly other: string } = {
  ERR_NETWORK: 'No answer arrived. Please press again: this will not be done twice.',
  ERR_IN_PROGRESS: 'This is still being processed. Please press again in a moment: this will not be done twice.',
  ERR_LEASE_LOST: 'This is not confirmed yet. Please press again: this will not be done twice.',
  ERR_STORE_UNAVAILABLE: 'This could not be processed just now. Please press again in a moment.',
  ERR_STORE_FULL: 'This could not be processed just now. Please press again in a few minutes.',
  ERR_DURABILITY: 'This could not be processed just now. Please press again in a moment.',
  ERR_STATE_NOT_REACHED: 'This could not be processed just now. Please press again in a moment.',
  ERR_QUOTA: 'There have been too many requests. Please press again later.',
  ERR_TAB_FULL: 'Too many earlier submissions have had no answer yet. Please send those first.',
  ERR_KEY_REUSED:
    'An earlier submission was received with other data. Please check what became of it before you send a new one.',
  ERR_RESULT_UNAVAILABLE: 'This has been done, but the result cannot be shown. Please do not send it again.',
  ERR_INDETERMINATE: 'It is not known whether this has been done. Please do not send it again, but contact us.',
  ERR_INVALID_INPUT: 'The entries cannot be accepted. Please check them.',
  other: 'This could not be processed. Please contact us.',
};

/** @param messages texts that count before ours, by code; `other` is for every code that has none */
export function messageOf({ code }: Problem, messages: Messages = {}): string {
  return messages[code] ?? messages.other ?? ENGLISH[code] ?? ENGLISH.other;
}
