import { noteAttempt } from './journal';
import { naiveStore } from './naive-store';

const LOCK_SECONDS = 60;

/**
 * The lock that is written again and again: GET, SET NX EX, run, SET COMPLETED, on error DEL.
 * Nothing here is broken on purpose.
 */
export async function withNaiveLock<Result>(
  key: string,
  fn: () => Promise<Result>,
): Promise<Result | 'already_processed'> {
  const store = await naiveStore();
  const lock = `lock:${key}`;
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
