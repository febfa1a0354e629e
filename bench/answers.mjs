// Inside the process of a contestant: it answers the run's requests one by one, and ends when the run does.

/** @param close of whatever is open by then */
export function endWithTheRun(close) {
  process.once('disconnect', async () => {
    // A client that does not close must not keep the process: nobody is left to ask it anything.
    setTimeout(() => process.exit(1), 5_000).unref();
    await close();
    process.exit();
  });
}

/**
 * @param requests the functions that can be asked for: `(contestant, request)` → answer
 * @param first the answer to the start
 */
export function answer(contestant, requests, first = {}) {
  process.on('message', async ({ id, what, request }) => {
    try {
      process.send({ id, answer: await requests[what](contestant, request) });
    } catch (error) {
      process.send({ id, error: error?.stack ?? String(error) });
    }
  });
  process.send({ id: 0, answer: first });
}
