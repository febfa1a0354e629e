// A record in each of its states, reached as users reach them.
import { eventually } from './eventually.mjs';
import { heldRun } from './held-run.mjs';

const fails = () => {
  throw new Error('declined');
};
const failing = (onError) => async (client, key, options) => {
  await client.withIdempotency(key, fails, { ...options, onError }).catch(() => {});
};

/** Runs that go on, or whose process is gone. Their lease is over when `leaseMs` has passed. */
async function abandoned(client, key, options) {
  const run = heldRun();
  client.withIdempotency(key, run.fn, { leaseMs: 100, ...options }).catch(() => {});
  await run.started;
  await client.close({ graceMs: 0 });
}

/**
 * By state: a function of (client, key, options) that leaves the record in it. 'processing' gives the run that goes on and
 * its call; 'vanished' is a processing record whose lease is over, and closes the client that it was given.
 */
export const reach = {
  absent: async () => {},
  processing: async (client, key, options) => {
    const run = heldRun();
    const call = client.withIdempotency(key, run.fn, options);
    call.catch(() => {});
    await run.started;
    return { run, call };
  },
  vanished: abandoned,
  released: failing('release'),
  indeterminate: failing('hold'),
  completed: (client, key, options) => client.withIdempotency(key, () => 'paid', options),
  failed: failing('record'),
};

/** Resolves when the lease of a vanished owner is over, as another client sees it. */
export async function leaseOver(client, target) {
  await eventually(async () => (await client.inspect(target)).leaseRemainingMs === 0, { what: 'the end of the lease' });
}
