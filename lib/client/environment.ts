/**
 * What the environment says about the store. It is read when a client is made, never at import: Next imports action
 * modules while it builds, where none of these variables is set.
 */
import { announceOnce, isDevelopment } from '../announce';
import { invalid } from '../errors';
import { isSecret } from './client-options';

const EMBEDDED = 'memory:';

function isBuilding(): boolean {
  return process.env.NEXT_PHASE === 'phase-production-build';
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` in production, when nothing names a store */
export function urlFromEnvironment(isDisabled: boolean): string {
  const url = process.env.ACTONCE_URL || process.env.REDIS_URL;
  if (url !== undefined && url !== '') {
    if (url.startsWith(EMBEDDED) && !isDevelopment() && !isBuilding()) {
      announceOnce(
        'memory-in-production',
        'ACTONCE_URL=memory: in production keeps outcomes in this process only. A restart forgets them, and a second ' +
          'instance does not see them. Set ACTONCE_URL to a Redis server to keep and share them.',
      );
    }
    return url;
  }
  if (isDisabled || isBuilding()) return EMBEDDED;
  if (isDevelopment()) {
    announceOnce(
      'embedded',
      'neither ACTONCE_URL nor REDIS_URL is set, so actonce uses the embedded store, in this process only. In ' +
        'production one of the two must be set.',
    );
    return EMBEDDED;
  }
  throw invalid(
    'no store is configured: set ACTONCE_URL or REDIS_URL (redis://host:6379), or give createClient a url; ' +
      'ACTONCE_URL=memory: allows the embedded store in production',
  );
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` for a secret that the option would not take either */
export function secretFromEnvironment(): string | undefined {
  const secret = process.env.ACTONCE_SECRET;
  if (secret === undefined || secret === '') return undefined;
  const reason = isSecret(secret);
  if (reason !== undefined) throw invalid(`ACTONCE_SECRET ${reason}`);
  return secret;
}
