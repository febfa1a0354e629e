/**
 * What the environment says about the store. Read when a client is made, never at import: Next imports action modules
 * while it builds, where none of this is set.
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
        'ACTONCE_URL=memory: in production: outcomes live in this process only. A restart forgets them, a second ' +
          'instance does not see them.',
      );
    }
    return url;
  }
  if (isDisabled || isBuilding()) return EMBEDDED;
  if (isDevelopment()) {
    announceOnce(
      'embedded',
      'neither ACTONCE_URL nor REDIS_URL is set; using the embedded store, in this process only. In production one of ' +
        'them must be set.',
    );
    return EMBEDDED;
  }
  throw invalid(
    'no store is configured: set ACTONCE_URL or REDIS_URL (redis://host:6379), or give createClient a url; ' +
      'ACTONCE_URL=memory: allows the embedded store in production',
  );
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` for one that the option would not take either */
export function secretFromEnvironment(): string | undefined {
  const secret = process.env.ACTONCE_SECRET;
  if (secret === undefined || secret === '') return undefined;
  const reason = isSecret(secret);
  if (reason !== undefined) throw invalid(`ACTONCE_SECRET ${reason}`);
  return secret;
}
