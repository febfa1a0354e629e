/**
 * `idempotentRoute`: a route handler that speaks the IETF draft of the `Idempotency-Key` header, and takes webhooks by
 * the id of their event. Its own refusals are responses and are never recorded; what the handler throws goes on to
 * Next.
 */
import type { IdempotencyContext, Outcome } from '../../index';
import { ignoreRejection, isDevelopment, reportHook, reportResponse, reportUnkept } from '../announce';
import { reasonOf } from '../call/fingerprint';
import { withIdempotency } from '../client/default-client';
import { type ActonceError, invalid, isOwnRefusal } from '../errors';
import { FailedResult, Finished } from '../outcome/finished';
import { isForeignControlFlow, recordableControlFlow } from '../outcome/next-signals';
import { isResponse, type RecordedResponse, readResponse } from '../outcome/response-record';
import type { Unkept } from '../outcome/results';
import { ofType } from '../rules';
import {
  asked,
  checkDefinition,
  DEFINITION_DEFAULTS,
  type DefinitionOptions,
  isNames,
  namedScope,
  type OwnRules,
  payloadBy,
} from './definition';
import { keyOfRequest } from './route-key';
import { payloadOf } from './route-payload';
import { problemResponse, unverifiedResponse } from './route-problem';
import { firstResponse, replayedResponse } from './route-response';

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

/** A response that counts as a failure leaves the run as an error would: `onError` says what becomes of the record. */
class FailedResponse extends FailedResult {
  constructor(
    readonly response: RecordedResponse,
    unkept: Unkept | undefined,
  ) {
    super(`the route answered ${response.status}`, response, unkept);
    this.name = 'FailedResponse';
  }
}

export function idempotentRoute(options: RouteOptions, handler: RouteHandler): Route {
  checkDefinition('idempotentRoute', RULES, options, handler);
  return async (request, route) => {
    try {
      return await respondTo(options, handler, request, route);
    } catch (error) {
      if (!isOwnRefusal(error)) throw error;
      const fault = faultOfBody(options, error);
      if (fault !== undefined) return problemResponse(fault, options.documentation, 400);
      const response = problemResponse(error, options.documentation);
      if (response.status >= 500) reportResponse(options.name, response.status, error);
      return response;
    }
  };
}

/** The client has sent what cannot be compared; where the route chose what to compare, that is the route's fault. */
function faultOfBody({ payload, fingerprint }: RouteOptions, error: ActonceError): ActonceError | undefined {
  const reason = payload === undefined && typeof fingerprint !== 'function' ? reasonOf(error) : undefined;
  return reason === undefined ? undefined : invalid(`the body ${reason}`);
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
  const owner = await asked(() => scope(request, verified));
  const url = new URL(request.url);
  const place = `${request.method} ${url.pathname}${url.search}`;
  const given = isProtected ? await keyOfRequest(options, request, rawBody, verified) : undefined;
  if (given instanceof Response) return given;
  const isUnprotected = given === undefined;
  let first: Response | undefined;
  /** The handler's mistake that leaves nothing to answer with. */
  let mistake: Error | undefined;
  const run = async (ctx: IdempotencyContext): Promise<RecordedResponse | Finished | undefined> => {
    const response: unknown = await handler(request, Object.assign(ctx, { verified }), route);
    if (!isResponse(response)) {
      mistake = new TypeError(`the route '${name}' must return a Response`);
      return unkept(mistake);
    }
    if (isUnprotected) {
      // Nothing of the response is kept, so a stream goes on as a stream.
      first = response;
      return undefined;
    }
    const read = await readResponse(response);
    first = firstResponse(response, read);
    const { record, fault } = read;
    if (fault !== undefined) reportUnkept(name, fault);
    if (countsAsFailure(isFailure, response)) throw new FailedResponse(record, fault && whyUnkept(fault));
    return fault === undefined ? record : unkept(fault);
  };
  const compared = () =>
    payload === undefined ? payloadOf(request, rawBody) : payloadBy(payload, request, rawBody, verified);
  const once = client?.withIdempotency ?? withIdempotency;
  const outcome = await once
    .outcome(given as string, run, {
      onDuplicate: ROUTE_DEFAULTS.onDuplicate,
      ...settings,
      scope: namedScope(name, owner, place),
      ...(isUnprotected ? { skip: true } : { payload: await compared() }),
    })
    .catch((error) => {
      throw mistake ?? error;
    });
  if (mistake !== undefined) throw mistake;
  // The response belongs to the call that ran: Node cannot send a response twice.
  if (outcome.status === 'executed' && first !== undefined) return first;
  return replayedResponse(outcome as Outcome);
}

/** The handler has done its work, whatever it returned: the run is completed, and there is nothing to replay. */
function unkept(fault: Error): Finished {
  return new Finished({ kind: 'value', value: undefined }, whyUnkept(fault));
}

function whyUnkept(cause: Error): Unkept {
  return { reason: 'unencodable', path: 'response', cause };
}

/**
 * A predicate that throws has not decided. The handler has run, so its response is kept as it would be without the
 * predicate.
 */
function countsAsFailure(isFailure: NonNullable<RouteOptions['isFailure']>, response: Response): boolean {
  try {
    const decided: unknown = isFailure(response);
    if (typeof decided !== 'object') return Boolean(decided);
    // A promise is truthy, and would make a failure of every response.
    ignoreRejection(decided);
    reportHook('isFailure', new TypeError('it must return true or false at once'));
  } catch (error) {
    reportHook('isFailure', error);
  }
  return isServerError(response);
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
