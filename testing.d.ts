/**
 * actonce/testing: tests of your own actions, without Redis and without waiting.
 *
 * ```ts
 * import { createTestClient } from 'actonce/testing'
 *
 * const client = createTestClient()
 * client.useAsDefault() // behind withIdempotency, idempotentAction and idempotentRoute
 *
 * const [one, two] = await Promise.all([placeOrder('key-1', cart), placeOrder('key-1', cart)])
 * assert.deepEqual(one, two)
 * ```
 *
 * The store is the embedded one, with the same state machine as on Redis. Its time runs by itself, and `advance` moves
 * it further. Timers of your test runner, real or fake, do not affect the store.
 *
 * @packageDocumentation
 */
import type { ActonceClient, ClientOptions, RecordTarget } from './index';

/** Options of {@link createTestClient}: the options of a client that make sense for an embedded store. */
export type TestClientOptions = Pick<ClientOptions, 'prefix' | 'secret' | 'defaults' | 'codec' | 'errors'>;

/** How the store can fail: it is unreachable, or out of memory. */
export type StoreFailure = 'ERR_STORE_UNAVAILABLE' | 'ERR_STORE_FULL';

/** A client with an empty store of its own. */
export interface TestClient extends ActonceClient {
  /**
   * Lets time pass in the store, and so for leases, `maxLeaseMs` and retention. A run under way keeps its lease up to
   * `maxLeaseMs`, as it would in a living process. `waitTimeoutMs` runs in real time, so a test of it should set a
   * short one.
   *
   * @param ms whole milliseconds
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT`.
   */
  advance(ms: number): Promise<void>;
  /**
   * Acts as if the process that runs this key had died: its lease is not renewed, and what its function does from now
   * on is not recorded. Its caller, which is still alive in the test, gets `ERR_LEASE_LOST`, and its `ctx.signal`
   * aborts. The next call finds the key in progress until the lease is over (`await client.advance(30_000)`). After
   * that, `onCrash` decides: the call runs with `ctx.recovered`, or is refused with `ERR_INDETERMINATE`.
   *
   * @param target the scope of an `idempotentAction` is `[name, ...scope]`
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` no run of that key is under way.
   */
  crashOwner(target: RecordTarget): void;
  /**
   * Makes the store fail from now on, before and after functions, until {@link TestClient.restoreStore}.
   *
   * @default 'ERR_STORE_UNAVAILABLE'
   */
  failStore(failure?: StoreFailure): void;
  /** Makes the store available again, with everything it held. */
  restoreStore(): void;
  /**
   * Puts this client behind the functions that are imported by name, and behind `actonce/next`, in this module
   * registry.
   *
   * @returns a function that puts the former client back; `close()` does so, too
   */
  useAsDefault(): () => void;
  /** Closes the client at once, without waiting for runs that are still under way. */
  close(): Promise<void>;
}

/**
 * Makes a client for tests. Make one per test to keep tests apart.
 *
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used.
 */
export function createTestClient(options?: TestClientOptions): TestClient;
