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
