/**
 * What Next.js throws to steer the response, in any of its versions: how to tell it from an error, and how to throw it
 * again. Redirects and the 404, 403 and 401 pages are outcomes of an action and can be recorded. Everything else that
 * Next throws belongs to one request and must pass. Next itself tells its signals by the string property `digest`,
 * whatever carries it, and so do we. To throw a recorded signal again, we call the public function of the Next that is
 * installed.
 */

export interface RedirectFlow {
  readonly kind: 'redirect';
  readonly url: string;
  readonly type: 'push' | 'replace';
  /** 308 is permanent. In an action Next 14 says 303, for a permanent redirect, too; Next 15 and 16 say 307. */
  readonly status: 303 | 307 | 308;
}

export interface HttpFlow {
  readonly kind: 'http';
  readonly status: 401 | 403 | 404;
}

export type ControlFlow = RedirectFlow | HttpFlow;

const REDIRECT = 'NEXT_REDIRECT';
const HTTP = 'NEXT_HTTP_ERROR_FALLBACK';
const NOT_FOUND_14 = 'NEXT_NOT_FOUND';

/** The outcome that a thrown value stands for; undefined when it stands for none that can be recorded. */
export function recordableControlFlow(thrown: unknown): ControlFlow | undefined {
  const digest = property(thrown, 'digest');
  if (typeof digest !== 'string') return undefined;
  if (digest === NOT_FOUND_14) return { kind: 'http', status: 404 };
  const [code, ...parts] = digest.split(';');
  if (code === HTTP && parts.length === 1) return asControlFlow({ kind: 'http', status: Number(parts[0]) });
  // NEXT_REDIRECT;push;/the/url;307; where the url may have semicolons of its own.
  if (code !== REDIRECT || parts.length < 4 || parts.at(-1) !== '') return undefined;
  const url = parts.slice(1, -2).join(';');
  return asControlFlow({ kind: 'redirect', url, type: parts[0], status: Number(parts.at(-2)) });
}

/** The flow that a digest or a record describes; undefined when Next has no such flow. */
export function asControlFlow(flow: Record<string, unknown>): ControlFlow | undefined {
  const { kind, url, type, status } = flow;
  if (kind === 'http') return status === 401 || status === 403 || status === 404 ? { kind, status } : undefined;
  if (kind !== 'redirect' || typeof url !== 'string' || (type !== 'push' && type !== 'replace')) return undefined;
  return status === 303 || status === 307 || status === 308 ? { kind, url, type, status } : undefined;
}

/** Digests of Next 14 to 16 that do not start with NEXT_. */
const FOREIGN_DIGESTS: ReadonlySet<unknown> = new Set([
  'DYNAMIC_SERVER_USAGE',
  'BAILOUT_TO_CLIENT_SIDE_RENDERING',
  'HANGING_PROMISE_REJECTION',
  'USE_CACHE_TIMEOUT',
  'INSTANT_VALIDATION_ERROR',
]);

/** next-safe-action borrows the prefix for what an action refuses: errors of the app, not signals of Next. */
const SAFE_ACTION = 'NEXT_SAFE_ACTION_';

/** Whether Next or React threw this to steer something else: it is rethrown and never recorded. */
export function isForeignControlFlow(thrown: unknown): boolean {
  if (typeof thrown !== 'object' || thrown === null || recordableControlFlow(thrown) !== undefined) return false;
  if (property(thrown, '$$typeof') === Symbol.for('react.postpone') || isPostponeReason(thrown)) return true;
  if (property(thrown, 'code') === 'NEXT_STATIC_GEN_BAILOUT') return true;
  const digest = property(thrown, 'digest');
  if (typeof digest !== 'string' || digest.startsWith('ACTONCE;')) return false;
  if (digest.startsWith(SAFE_ACTION)) return false;
  return FOREIGN_DIGESTS.has(digest) || digest.startsWith('NEXT_') || isRethrownByNext(thrown);
}

/** Next 14 and 15 know some of their own postponements by these words only. */
function isPostponeReason(thrown: object): boolean {
  const message = property(thrown, 'message');
  return (
    typeof message === 'string' &&
    message.includes('needs to bail out of prerendering at this point because it used') &&
    message.includes('https://nextjs.org/docs/messages/ppr-caught-error')
  );
}

/**
 * Whether the value is a signal of a later version. Next looks into `cause` as well, but an error about a signal is not
 * itself a signal.
 */
function isRethrownByNext(thrown: object): boolean {
  try {
    nextNavigation()?.unstable_rethrow?.(thrown);
    return false;
  } catch (rethrown) {
    return rethrown === thrown;
  }
}

function property(thrown: unknown, name: string): unknown {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  try {
    return (thrown as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/**
 * Throws what the installed Next.js throws for this flow. In version 14, what it throws carries the request's cookies,
 * too.
 */
export function throwControlFlow(flow: ControlFlow): never {
  throw madeByNext(flow) ?? madeHere(flow);
}

/**
 * Undefined when Next.js is not there or refuses: forbidden() needs an option that may have been on only at the time of
 * recording.
 */
function madeByNext(flow: ControlFlow): unknown {
  const next = nextNavigation();
  if (next === undefined) return undefined;
  try {
    callNext(next, flow);
  } catch (thrown) {
    return isSame(recordableControlFlow(thrown), flow) ? thrown : undefined;
  }
  return undefined;
}

function callNext(next: NextNavigation, flow: ControlFlow): void {
  if (flow.kind === 'redirect') {
    if (flow.status === 308) next.permanentRedirect?.(flow.url, flow.type);
    else next.redirect?.(flow.url, flow.type);
  } else if (flow.status === 404) next.notFound?.();
  else if (flow.status === 403) next.forbidden?.();
  else next.unauthorized?.();
}

function isSame(thrown: ControlFlow | undefined, flow: ControlFlow): boolean {
  if (thrown?.kind === 'redirect') return flow.kind === 'redirect' && thrown.url === flow.url;
  return thrown !== undefined && thrown.status === flow.status;
}

function madeHere(flow: ControlFlow): Error {
  const digest =
    flow.kind === 'redirect' ? `${REDIRECT};${flow.type};${flow.url};${flow.status};` : `${HTTP};${flow.status}`;
  return Object.assign(new Error(flow.kind === 'redirect' ? REDIRECT : digest), { digest });
}

interface NextNavigation {
  redirect?(url: string, type: string): never;
  permanentRedirect?(url: string, type: string): never;
  notFound?(): never;
  forbidden?(): never;
  unauthorized?(): never;
  unstable_rethrow?(error: unknown): void;
}

/**
 * The second is the file behind the first. A standalone build has only the files that something asks for by a plain
 * `require`, and it always has this one, because Next itself does.
 */
const NAVIGATION = ['next/navigation', 'next/dist/client/components/navigation'];

let navigation: { readonly module: NextNavigation | undefined } | undefined;

/**
 * Loads Next's module only when it is needed: outside Next.js, loading costs start-up time, and in many processes Next
 * is not installed.
 */
function nextNavigation(): NextNavigation | undefined {
  navigation ??= { module: loadNavigation() };
  return navigation.module;
}

/**
 * `module.require`, since Turbopack follows a plain `require`, and where pnpm has linked the packages it dies of this
 * one ("trace_endpoint: missing path for module", Next 16.4).
 */
function loadNavigation(): NextNavigation | undefined {
  for (const name of NAVIGATION) {
    try {
      return module.require(name) as NextNavigation;
    } catch {
      // Another version of Next, a part of it, or none.
    }
  }
  return undefined;
}
