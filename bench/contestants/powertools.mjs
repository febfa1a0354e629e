// AWS Powertools with its Redis persistence. A Lambda context is registered, as in Lambda: without a deadline it takes
// a record in progress for an orphan and runs a second time. Its completion compares no owner.
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { CachePersistenceLayer } from '@aws-lambda-powertools/idempotency/cache';
import { createClient } from 'redis';

export async function open({ url }) {
  const redis = await createClient({ url }).connect();
  const config = new IdempotencyConfig({ expiresAfterSeconds: 86_400 });
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 });
  const persistenceStore = new CachePersistenceLayer({ client: redis });
  // The first argument is the key: it is what gets hashed.
  const once = makeIdempotent((_key, work) => work(), { persistenceStore, config });
  return { once, close: () => redis.close() };
}
