/**
 * actonce/testing: your own actions under test, without Redis and without waiting.
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
 * The store is the embedded one, the same state machine as on Redis. Its time runs on by itself and can be let go
 * further; timers of your test runner, real or fake, have no part in it.
 *
 * @packageDocumentation
 */
import type { ActonceClient, ClientOptions, RecordTarget } from './index';

/** Options of {@link createTestClient}: those of a client that have to do with an embedded store. */
export type TestClientOptions = Pick<ClientOptions, 'prefix' | 'secret' | 'defaults' | 'codec' | 'errors'>;

/** How the store can fail: not there, or out of memory. */
export type StoreFailure = 'ERR_STORE_UNAVAILABLE' | 'ERR_STORE_FULL';

/** A client of an empty store of its own. */
export interface TestClient extends ActonceClient {
  /**
   * Lets time pass in the store, and with it leases, `maxLeaseMs` and retention. A run under way keeps its lease, as it
   * would in a living process, up to `maxLeaseMs`. `waitTimeoutMs` runs in real time: set it short in a test of it.
   *
   * @param ms whole milliseconds
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT`.
   */
  advance(ms: number): Promise<void>;
  /**
   * As if the process that runs this key died: its lease is not renewed, and what its function does from now on is not
   * recorded. Its call rejects with `ERR_LEASE_LOST`, since somebody is there to hear it, and its `ctx.signal` aborts.
   * The next call finds the key in progress until the lease is over (`await client.advance(30_000)`); then it runs with
   * `ctx.recovered`, or is refused with `ERR_INDETERMINATE`, by `onCrash`.
   *
   * @param target the scope of an `idempotentAction` is `[name, ...scope]`
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` no run of that key is under way.
   */
  crashOwner(target: RecordTarget): void;
  /**
   * From now on the store fails, before and after functions, until {@link TestClient.restoreStore}.
   *
   * @default 'ERR_STORE_UNAVAILABLE'
   */
  failStore(failure?: StoreFailure): void;
  /** The store is there again, with what it held. */
  restoreStore(): void;
  /**
   * Puts this client behind the functions that are imported by name, and behind `actonce/next`, in this module registry.
   *
   * @returns what puts the former one back; `close()` does so, too
   */
  useAsDefault(): () => void;
  /** Ends the client at once: what still runs is not waited for. */
  close(): Promise<void>;
}

/**
 * Makes a client for tests. One per test keeps tests apart.
 *
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used.
 */
export function createTestClient(options?: TestClientOptions): TestClient;
