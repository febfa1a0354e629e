// Whether something does not happen: the one question that needs some time to pass.
import { setTimeout as pause } from 'node:timers/promises';

/** Whether the promise is still open after everything that is on its way has had the time to arrive. */
export async function staysPending(promise, ms = 60) {
  return (
    (await Promise.race([
      promise.then(
        () => 'settled',
        () => 'settled',
      ),
      pause(ms, 'pending'),
    ])) === 'pending'
  );
}
