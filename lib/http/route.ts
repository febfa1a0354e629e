/**
 * `idempotentRoute`: a route handler that speaks the IETF draft of the `Idempotency-Key` header, and takes webhooks by
 * the id of their event. Its own refusals are responses and are never recorded; what the handler throws goes on to
 * Next.
 */
import type { IdempotencyContext, Outcome } from '../../index';
import { isDevelopment, reportHook, reportResponse } from '../announce';
import { withIdempotency } from '../client/default-client';
import { isActonceError } from '../errors';
import { isForeignControlFlow, recordableControlFlow, throwControlFlow } from '../outcome/next-signals';
import { ofType } from '../rules';
import {
  checkDefinition,
  DEFINITION_DEFAULTS,
  type DefinitionOptions,
  isNames,
  namedScope,
  type OwnRules,
} from './definition';
import { keyOfRequest } from './route-key';
import { payloadOf } from './route-payload';
import { problemResponse, unverifiedResponse } from './route-problem';
import { firstResponse, type RecordedResponse, recordOf, responseOf } from './route-response';

/** The options as next.d.ts has them, without the types of one route. */
export interface RouteOptions extends DefinitionOptions {
  readonly scope: (request: Request, verified: unknown) => unknown;
  readonly key?: (request: Request, rawBody: Uint8Array, verified: unknown) => unknown;
  readonly verify?: (request: Request, rawBody: Uint8Array) => unknown;
  readonly payload?: (request: Request, rawBody: Uint8Array, verified: unknown) => unknown;
  readonly methods?: readonly string[];
  readonly isFailure?: (response: Response) => boolean;
  readonly documentation?: string;
}

type RouteContext = IdempotencyContext & { readonly verified: unknown };
export type RouteHandler = (request: Request, ctx: RouteContext, route: unknown) => Response | Promise<Response>;
type Route = (request: Request, route?: unknown) => Promise<Response>;

const RULES: OwnRules<RouteOptions> = {
  key: ofType('function'),
  verify: ofType('function'),
  methods: isNames,
  isFailure: ofType('function'),
  documentation: (value) => (URL.canParse(String(value)) ? undefined : 'must be a URL'),
};

export const ROUTE_DEFAULTS = { ...DEFINITION_DEFAULTS, onDuplicate: 'reject', methods: ['POST', 'PATCH'] } as const;

const FAILURE = 'FailedResponse';

/** A response that counts as a failure leaves the run as an error would: `onError` says what becomes of the record. */
class FailedResponse extends Error {
  constructor(readonly response: RecordedResponse) {
    super(`the route answered ${response.status}`);
    this.name = FAILURE;
  }
}

/** Also of one that came back from a record or another process. */
function responseWithin(error: unknown): RecordedResponse | undefined {
  return error instanceof Error && error.name === FAILURE ? (error as FailedResponse).response : undefined;
}

export function idempotentRoute(options: RouteOptions, handler: RouteHandler): Route {
  checkDefinition('idempotentRoute', RULES, options, handler);
  return async (request, route) => {
    try {
      return await respondTo(options, handler, request, route);
    } catch (error) {
      if (!isActonceError(error)) throw error;
      const response = problemResponse(error, options.documentation);
      if (response.status >= 500) reportResponse(options.name, response.status, error);
      return response;
    }
  };
}

async function respondTo(
  options: RouteOptions,
  handler: RouteHandler,
  request: Request,
  route: unknown,
): Promise<Response> {
  const {
    name,
    scope,
    key,
    verify,
    payload,
    methods = ROUTE_DEFAULTS.methods,
    missingKey,
    isFailure = isServerError,
    documentation,
    client,
    ...settings
  } = options;
  const isProtected = methods.some((method) => method.toUpperCase() === request.method.toUpperCase());
  const isRead = isProtected || verify !== undefined;
  // The handler gets the request as it came, with its body unread.
  const rawBody = new Uint8Array(isRead ? await request.clone().arrayBuffer() : []);
  const verified = await verifiedBy(verify, request, rawBody);
  if (verified instanceof Response) return verified;
  const owner = await scope(request, verified);
  const url = new URL(request.url);
  const place = `${request.method} ${url.pathname}${url.search}`;
  const given = isProtected ? await keyOfRequest(options, request, rawBody, verified) : undefined;
  if (given instanceof Response) return given;
  const isUnprotected = given === undefined;
  let first: Response | undefined;
  const run = async (ctx: IdempotencyContext): Promise<RecordedResponse | undefined> => {
    const response = await handler(request, Object.assign(ctx, { verified }), route);
    if (!(response instanceof Response)) throw new TypeError(`the route '${name}' must return a Response`);
    if (isUnprotected) {
      // Nothing of the response is kept, so a stream goes on as a stream.
      first = response;
      return undefined;
    }
    const record = await recordOf(response);
    first = firstResponse(response, record);
    if (countsAsFailure(isFailure, response)) throw new FailedResponse(record);
    return record;
  };
  const once = client?.withIdempotency ?? withIdempotency;
  const outcome = await once.outcome(given as string, run, {
    onDuplicate: ROUTE_DEFAULTS.onDuplicate,
    ...settings,
    scope: namedScope(name, owner, place),
    ...(isUnprotected
      ? { skip: true }
      : { payload: payload === undefined ? await payloadOf(request, rawBody) : payload(request, rawBody, verified) }),
  });
  // The response belongs to the call that ran: Node cannot send a response twice.
  if (outcome.status === 'executed' && first !== undefined) return first;
  return replay(outcome);
}

function replay(outcome: Outcome<RecordedResponse | undefined>): Response {
  if (outcome.kind === 'value') return responseOf(outcome.value as RecordedResponse);
  if (outcome.kind === 'error') {
    const response = responseWithin(outcome.error);
    if (response === undefined) throw outcome.error;
    return responseOf(response);
  }
  if (outcome.kind === 'http') return throwControlFlow({ kind: 'http', status: outcome.httpStatus as 404 });
  return throwControlFlow({ ...outcome, status: outcome.httpStatus as 307 });
}

/**
 * A predicate that throws has not decided. The handler has run, so its response is kept as it would be without the
 * predicate.
 */
function countsAsFailure(isFailure: NonNullable<RouteOptions['isFailure']>, response: Response): boolean {
  try {
    return isFailure(response);
  } catch (error) {
    reportHook('isFailure', error);
    return isServerError(response);
  }
}

function isServerError(response: Response): boolean {
  return response.status >= 500;
}

/** What `verify` found (a parsed event), or the response that refuses the request. */
async function verifiedBy(verify: RouteOptions['verify'], request: Request, rawBody: Uint8Array): Promise<unknown> {
  if (verify === undefined) return undefined;
  try {
    const verified = await verify(request, rawBody);
    return verified === false ? unverifiedResponse() : verified;
  } catch (error) {
    if (isForeignControlFlow(error) || recordableControlFlow(error) !== undefined) throw error;
    // A forged request is nothing to report. A missing secret is, in development, where somebody is looking.
    if (isDevelopment()) reportHook('verify', error);
    return unverifiedResponse();
  }
}
