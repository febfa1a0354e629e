// An fn that a test holds in its hand: it says when it has been started, and ends when and as the test says.

/** A promise that is settled from outside, and that nobody has to wait for. */
export function gate() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { open: resolve, fail: reject }));
  made.promise.catch(() => {});
  return made;
}

/** `fn` is for one run; `started` resolves to the context it was given. */
export function heldRun() {
  const started = gate();
  const ended = gate();
  return {
    fn: (ctx) => {
      started.open(ctx);
      return ended.promise;
    },
    started: started.promise,
    returns: ended.open,
    throws: ended.fail,
  };
}

/** A call whose fn is held before it does `work`: `inside` resolves to its context, `letGo` lets it go on. */
export function heldCall(client, key, work, options) {
  const [inside, go] = [gate(), gate()];
  const result = client.withIdempotency(
    key,
    async (ctx) => {
      inside.open(ctx);
      await go.promise;
      return work(ctx);
    },
    options,
  );
  result.catch(() => {});
  return { inside: inside.promise, letGo: go.open, result };
}
