/**
 * Marks the error that is the recorded outcome of its key, for the page that gets it: actonce/react then knows that the
 * outcome was seen. An error without the mark may hide a charge, so its key stays the one to send.
 */
import { isOutcomeMark, outcomeMark } from '../wire/outcome-mark';

/** @param key of the outcome; undefined when the error is none */
export function markOutcome(error: unknown, key: string | undefined): void {
  if (typeof error !== 'object' || error === null) return;
  try {
    const { digest } = error as { digest?: unknown };
    const isOurs = isOutcomeMark(digest);
    // One object may be thrown for several keys, and be the outcome of some of them only.
    if (key === undefined) {
      if (isOurs) Reflect.deleteProperty(error, 'digest');
    } else if (isOurs || typeof digest !== 'string') {
      const value = outcomeMark(key);
      Object.defineProperty(error, 'digest', { value, configurable: true, writable: true, enumerable: false });
    }
  } catch {
    // It is frozen, or cannot even be looked at.
  }
}
