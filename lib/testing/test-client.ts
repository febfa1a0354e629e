/**
 * A client for users' tests. The embedded store is empty and the client's own, and the test decides its time and its
 * failures.
 */
import { randomUUID } from 'node:crypto';
import type { RecordTarget } from '../../index';
import type { TestClient as Described, StoreFailure, TestClientOptions } from '../../testing';
import { Events } from '../call/events';
import { Client } from '../client/client';
import { useClient } from '../client/default-client';
import { nameOf } from '../client/operator';
import { invalid } from '../errors';
import { Stage } from './stage';

const FAILURES: readonly unknown[] = ['ERR_STORE_UNAVAILABLE', 'ERR_STORE_FULL'] satisfies StoreFailure[];

/** What a method takes where no argument is given. */
export const TEST_CLIENT_DEFAULTS = { failStore: 'ERR_STORE_UNAVAILABLE' } as const;

export class TestClient extends Client implements Described {
  readonly #stage: Stage;
  #restore: (() => void) | undefined;

  constructor(options: TestClientOptions) {
    const stage = new Stage();
    super({ ...options, url: `memory:test-${randomUUID()}` }, new Events(), stage);
    this.#stage = stage;
  }

  async advance(ms: number): Promise<void> {
    if (!Number.isSafeInteger(ms) || ms < 0) throw invalid(`advance needs whole milliseconds, not ${String(ms)}`);
    this.#stage.advance(ms);
  }

  crashOwner(target: RecordTarget): void {
    if (!this.#stage.crash(nameOf(target, this.binding).hash))
      throw invalid('crashOwner: no run of that key is under way');
  }

  failStore(failure: StoreFailure = TEST_CLIENT_DEFAULTS.failStore): void {
    if (!FAILURES.includes(failure)) throw invalid(`failStore takes ${FAILURES.join(' or ')}`);
    this.#stage.outage = failure;
  }

  restoreStore(): void {
    this.#stage.outage = undefined;
  }

  useAsDefault(): () => void {
    this.#restore?.();
    this.#restore = useClient(this);
    return this.#restore;
  }

  override async close(): Promise<void> {
    this.#restore?.();
    // Nobody waits for what a test left running.
    await super.close({ graceMs: 0 });
  }
}

export function createTestClient(options: TestClientOptions = {}): Described {
  return new TestClient(options);
}
