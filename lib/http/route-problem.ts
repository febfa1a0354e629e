/** Refusals as `application/problem+json` (RFC 9457). They are made for one request and never recorded. */
import type { ErrorCode } from '../../index';
import { type ActonceError, CODES } from '../errors';

/**
 * 409 and 422 come from the IETF draft; 429 is Too Many Requests; 503 says that another try may do. Every code that is
 * not listed is a fault on our side.
 */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  ERR_KEY_MISSING: 400,
  ERR_KEY_REUSED: 422,
  ERR_IN_PROGRESS: 409,
  ERR_INDETERMINATE: 409,
  ERR_LEASE_LOST: 409,
  ERR_RESULT_UNAVAILABLE: 409,
  ERR_STORE_UNAVAILABLE: 503,
  ERR_STORE_FULL: 503,
  ERR_QUOTA: 429,
  ERR_INVALID_TRANSITION: 409,
  ERR_VERSION_CONFLICT: 409,
  ERR_NOT_FOUND: 404,
  ERR_STATE_NOT_REACHED: 409,
};
const RETRY_AFTER_S = { 409: 1, 503: 5 } as Record<number, number>;

/** @param documentation where the API's use of keys is described, if anywhere */
function respond(
  status: number,
  body: object,
  documentation: string | undefined,
  headers: Record<string, string> = {},
) {
  const all = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers });
  if (documentation !== undefined) all.set('link', `<${documentation}>; rel="describedby"`);
  return new Response(JSON.stringify({ status, ...body }), { status, headers: all });
}

export function problemResponse(error: ActonceError, documentation: string | undefined, as?: number): Response {
  const { code, retryable, retryAfterMs } = error;
  const status = as ?? STATUSES[code] ?? 500;
  const { what, advice } = CODES[code];
  // The message of a fault on our side may name hosts.
  const detail = status < 500 ? error.message : `${what}. ${advice} [${code}]`;
  const type = documentation === undefined ? `urn:actonce:${code}` : `${documentation}#${code}`;
  // A quota says when it has room. The other refusals only know that it will not be at once.
  const seconds = code === 'ERR_QUOTA' ? Math.ceil(retryAfterMs / 1_000) : RETRY_AFTER_S[status];
  const retryAfter = retryable ? { 'retry-after': String(seconds ?? 1) } : {};
  return respond(
    status,
    { type, title: what, detail, code, retryable },
    documentation,
    retryAfter as Record<string, string>,
  );
}

export function unverifiedResponse(): Response {
  const title = 'The request could not be verified';
  return respond(401, { type: 'about:blank', title, detail: 'Its signature does not fit its body.' }, undefined);
}
