// An fn that a test holds in its hand: it says when it has been started, and ends when and as the test says.
import { gate } from './gate.mjs';

/** `fn` is for one run; `started` resolves to the context it was given. */
export function heldRun() {
  const started = gate();
  const ended = gate();
  return {
    fn: (ctx) => {
      started.resolve(ctx);
      return ended.promise;
    },
    started: started.promise,
    returns: ended.resolve,
    throws: ended.reject,
  };
}

/**
 * A call whose fn is held before it does `work`: `inside` resolves to its context, or fails as the call did that never came
 * there; `letGo` lets it go on.
 */
export function heldCall(client, key, work, options) {
  const [inside, go] = [gate(), gate()];
  const result = client.withIdempotency(
    key,
    async (ctx) => {
      inside.resolve(ctx);
      await go.promise;
      return work(ctx);
    },
    options,
  );
  result.catch(inside.reject);
  return { inside: inside.promise, letGo: go.resolve, result };
}
