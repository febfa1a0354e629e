// The built package, through its public surface only.
import { createClient } from '../../dist/index.cjs';

export async function open({ url, executor }) {
  const client = createClient({ url, executor });
  const options = { scope: 'bench' };
  return { once: (key, work) => client.withIdempotency(key, work, options), close: () => client.close() };
}
