import { noteAttempt } from './journal';
import { naiveStore } from './naive-store';

const LOCK_SECONDS = 60;
const nameOf = (key: string) => `lock:${key}`;

export type LockState = 'absent' | 'PROCESSING' | 'COMPLETED';

/**
 * The lock that is written again and again: GET, SET NX EX, run, SET COMPLETED, on error DEL.
 * Nothing here is broken on purpose.
 */
export async function withNaiveLock<Result>(
  key: string,
  fn: () => Promise<Result>,
): Promise<Result | 'already_processed'> {
  const store = await naiveStore();
  const lock = nameOf(key);
  const state = await store.get(lock);
  const locked = state === null && (await store.setIfAbsent(lock, 'PROCESSING', LOCK_SECONDS));
  if (!locked) {
    await noteAttempt('naive', key, 'already_processed');
    return 'already_processed';
  }
  try {
    const result = await fn();
    await store.set(lock, 'COMPLETED');
    return result;
  } catch (error) {
    await store.delete(lock);
    throw error;
  } finally {
    await noteAttempt('naive', key, 'executed');
  }
}

/** What is left of the lock, for the page. */
export async function lockOf(key: string): Promise<LockState> {
  const store = await naiveStore();
  return ((await store.get(nameOf(key))) as LockState | null) ?? 'absent';
}
