/** The key of a request: the header, or what the route takes for a key, such as the id of a webhook's event. */

import { checkKey } from '../call/identity';
import { ActonceError, invalid, isActonceError } from '../errors';
import { parseKeyHeader } from '../wire/key-header';
import { asked, DEFINITION_DEFAULTS } from './definition';
import type { RouteOptions } from './route';
import { problemResponse } from './route-problem';

/** @returns undefined when there is no key and none is needed; a response when the key is missing or malformed */
export async function keyOfRequest(
  { name, key, missingKey = DEFINITION_DEFAULTS.missingKey, documentation }: RouteOptions,
  request: Request,
  rawBody: Uint8Array,
  verified: unknown,
): Promise<string | undefined | Response> {
  const given = key === undefined ? headerOf(request) : await asked(() => key(request, rawBody, verified));
  if ((given === undefined || given === null) && missingKey === 'run') return undefined;
  try {
    const read = key === undefined && given !== undefined ? parsed(given as string) : given;
    checkKey(read, [name]);
    return read;
  } catch (error) {
    if (!isActonceError(error)) throw error;
    return problemResponse(error, documentation, 400);
  }
}

function headerOf(request: Request): string | undefined {
  return request.headers.get('idempotency-key') ?? undefined;
}

function parsed(header: string): string {
  if (header.trim() === '') throw new ActonceError('ERR_KEY_MISSING');
  const key = parseKeyHeader(header);
  if (key === undefined) throw invalid('the header Idempotency-Key must hold one string, quoted or bare');
  return key;
}
