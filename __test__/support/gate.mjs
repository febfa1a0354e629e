/** A promise that is settled from outside, and that nobody has to wait for: `Promise.withResolvers`, from Node 22 on. */
export function gate() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  made.promise.catch(() => {});
  return made;
}
