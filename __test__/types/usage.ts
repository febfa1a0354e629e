// What the types of index.d.ts infer, allow and refuse. Compiled by `tsc --noEmit`, never run.
import {
  createClient,
  currentIdempotency,
  isActonceError,
  type Outcome,
  on,
  type ValueClass,
  withIdempotency,
} from '../../index';

declare const order: { id: string; total: number };
declare const key: string;
declare function redirect(url: string): never;

/** Compiles only when the type of the argument is exactly `Expected`. */
declare function is<Expected>(): <Given>(
  value: Given,
  ...fits: [Given, Expected] extends [Expected, Given] ? [] : [never]
) => void;

export async function infers(): Promise<void> {
  is<{ charge: number }>()(await withIdempotency(key, async (ctx) => ({ charge: ctx.attempt })));
  is<number>()(await withIdempotency(key, () => 5, { scope: ['placeOrder', 7], recover() {} }));
  is<number>()(await withIdempotency(key, () => 5, { recover: async () => ({ value: 6 }) }));
  is<never>()(await withIdempotency(key, () => redirect('/orders')));
  is<Outcome<string>>()(await withIdempotency.outcome(key, async () => 'x'));
  await withIdempotency(key, () => 5, { payload: order, fingerprint: (payload) => payload.total });
  await withIdempotency(key, () => order, {
    onResponse: (outcome) => (outcome.kind === 'value' ? outcome.value.total : outcome.attempt),
  });
}

export async function refuses(): Promise<void> {
  // @ts-expect-error a misspelt option
  await withIdempotency(key, () => 5, { leaseMS: 5 });
  // @ts-expect-error a scope part that may be missing
  await withIdempotency(key, () => 5, { scope: ['placeOrder', undefined] });
  // @ts-expect-error recover finds another type than fn returns
  await withIdempotency(key, () => 5, { recover: () => ({ value: 'x' }) });
  // @ts-expect-error the fence is missing when nothing protects the run
  await withIdempotency(key, (ctx) => ctx.fence.toFixed());
  // @ts-expect-error either a value or rerun
  await createClient().resolve({ key }, { value: 1, rerun: true });
}

export function registers(): void {
  const url: ValueClass<URL, string> = {
    name: 'URL',
    is: (value) => value instanceof URL,
    encode: String,
    decode: (text) => new URL(text),
  };
  createClient({ values: [url, { name: 'Big', is: () => false, encode: (value) => value.text, decode: Number }] });
  // @ts-expect-error a class that cannot be made again
  createClient({ values: [{ name: 'Big', is: () => false, encode: String }] });
}

export async function narrows(error: unknown): Promise<void> {
  if (isActonceError(error, 'ERR_IN_PROGRESS')) is<number>()(error.retryAfterMs);
  if (isActonceError(error, 'ERR_INDETERMINATE')) is<Date>()(error.since);
  if (isActonceError(error, 'ERR_LEASE_LOST')) is<boolean>()(error.hasValue);
  if (isActonceError(error) && error.code === 'ERR_CLOSED') is<'ERR_CLOSED'>()(error.code);
  on((event) => (event.type === 'claimed' ? is<number>()(event.fence) : event.durationMs));
  await using client = createClient({ url: 'memory:', errors: [class CardError extends Error {}] });
  client.on('replayed', (event) => is<boolean>()(event.cached));
  is<AbortSignal | undefined>()(currentIdempotency()?.signal);
}
