/**
 * actonce/next: Server Actions that run once per idempotency key.
 *
 * ```ts
 * 'use server'
 * import { idempotentAction } from 'actonce/next'
 *
 * export const placeOrder = idempotentAction(
 *   {
 *     name: 'placeOrder',
 *     scope: async () => (await session()).userId,
 *     schema: z.object({ bags: z.coerce.number().int().min(1) }),
 *     onResponse: () => revalidatePath('/orders'),
 *   },
 *   async ({ bags }, ctx) => {
 *     const charge = await stripe.charges.create(toCharge(bags), { idempotencyKey: ctx.deriveKey('charge') })
 *     redirect(`/orders/${charge.id}`)
 *   },
 * )
 * ```
 *
 * @packageDocumentation
 */
import type {
  ActonceClient,
  ActonceError,
  ErrorCode,
  Fingerprint,
  IdempotencyContext,
  IdempotencyDefaults,
  InputIssue,
  Outcome,
  Recovered,
  Scope,
} from './index';

// ---------------------------------------------------------------------------------------------- schemas

/** Any validator that speaks [Standard Schema](https://standardschema.dev): zod, valibot, arktype and others. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validator answers. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing a validator found wrong. */
export type StandardIssue = InputIssue;

// ---------------------------------------------------------------------------------------------- actions

/** Options of {@link idempotentAction}; those of {@link IdempotencyDefaults} as everywhere. */
export interface ActionOptions<Input, Result, Refusal = never, Sent = Input> extends IdempotencyDefaults {
  /**
   * The operation, in records and events. Part of the record's name: changing it starts anew. Never Next's own id of
   * the action, which changes with every build.
   */
  name: string;
  /**
   * Who the key belongs to: the user, or `[tenant, user]`. Called on every request before anything is looked up, so it
   * is the place to authorise, replays included; what it throws (a `redirect('/login')`, too) is never recorded.
   * `'public'` stands for a scope that all users share; undefined and empty parts are refused.
   */
  scope: (input: Input) => Scope | Promise<Scope>;
  /**
   * Checks what was sent. What it refuses is never recorded: `onInvalid` answers, else `ERR_INVALID_INPUT` is thrown.
   * A form reaches it as an object: a name that occurs once with its value, a name that occurs again with all of them;
   * without React's own entries and the key.
   * @default none: the input is the argument, or the FormData
   */
  schema?: StandardSchema<Sent, Input> | undefined;
  /**
   * What the same key must be sent with again, else `ERR_KEY_REUSED`.
   * @default what was sent, before the schema; in forms without React's own entries and the key
   */
  payload?: ((input: Input) => unknown) | undefined;
  /**
   * Which part of the payload is compared.
   * @default all of it
   */
  fingerprint?: Fingerprint | undefined;
  /** As in `withIdempotency`, with the input. */
  recover?: ((ctx: IdempotencyContext, input: Input) => Recovered<Result> | PromiseLike<Recovered<Result>>) | undefined;
  /** As in `withIdempotency`: cancels the claim and the waiting. */
  signal?: AbortSignal | undefined;
  /**
   * Awaited for every response, first and replayed: the place for cookies, `revalidatePath`, `updateTag` and `after`.
   * As in `withIdempotency`, with the input. TypeScript cannot know the value's type here; write
   * `(outcome: Outcome<Order>) => …` where you look at it.
   */
  onResponse?(outcome: Outcome, input: Input): unknown;
  /** Answers what the schema refused: the state a form shows. `sent` is the argument or the FormData. */
  onInvalid?: ((issues: readonly StandardIssue[], sent: unknown) => Refusal | Promise<Refusal>) | undefined;
  /**
   * Answers what would be thrown as an {@link ActonceError}: `ERR_IN_PROGRESS`, `ERR_KEY_REUSED`,
   * `ERR_STORE_UNAVAILABLE` and so on. What it returns is the action's result for this caller and never recorded: a form
   * without JavaScript shows it instead of an error page. Forms only, and not those of `actonce/react`: a plain call and
   * the hooks get the error, since a result would count as an outcome and the next try would have a new key.
   */
  onProblem?: ((problem: ActonceError, sent: FormData) => Refusal | Promise<Refusal>) | undefined;
  /**
   * Without a key: refuse with `ERR_KEY_MISSING`, or `run` without protection.
   * @default 'reject'
   */
  missingKey?: 'reject' | 'run' | undefined;
  /**
   * Cookies set inside the function that are recorded and set again on replays, by name. They are the first
   * caller's: refused with the scope `'public'`. Prefer `onResponse`.
   * @default none
   */
  replayCookies?: readonly string[] | undefined;
  /**
   * The client to use.
   * @default the one behind `withIdempotency`
   */
  client?: ActonceClient | undefined;
}

/**
 * A Server Action. The key comes from the argument, else from the form's field `idempotency-key`, else from the header
 * `Idempotency-Key`. `previousState` is not looked at: on a double click the second one is the first one's result.
 */
export interface IdempotentAction<Sent, Result> {
  /** Called from the client with a key and one argument. */
  (key: string | null | undefined, input: Sent): Promise<Result>;
  /** As `<form action={…}>`, with and without JavaScript; React makes nothing of the result. */
  (formData: FormData): Promise<void>;
  /** With `useActionState`, and with `useIdempotentActionState` of `actonce/react`. */
  // biome-ignore lint/suspicious/noExplicitAny: it is not looked at, and any initial state is meant to fit.
  (previousState: any, formData: FormData): Promise<Result>;
}

/**
 * Makes a Server Action that runs once per key. Export what it returns from a `'use server'` file.
 *
 * What a call may reject with, besides what `fn` throws: everything `withIdempotency` may, and `ERR_INVALID_INPUT`.
 *
 * @param options See {@link ActionOptions}.
 * @param fn The work. Called with the input and the context, once per key.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used: here, not when the action is called.
 */
export function idempotentAction<Input, Result, Refusal = never, Sent = Input>(
  options: ActionOptions<Input, Result, Refusal, Sent>,
  fn: (input: Input, ctx: IdempotencyContext) => Result | Promise<Result>,
): IdempotentAction<Sent, Result | Refusal>;

// ---------------------------------------------------------------------------------------------- routes

/** What a route's handler is given besides the request. */
export interface RouteContext<Verified = undefined> extends IdempotencyContext {
  /** What `verify` returned. */
  readonly verified: Verified;
}

/** Options of {@link idempotentRoute}; those of {@link IdempotencyDefaults} as everywhere, but `onDuplicate`. */
export interface RouteOptions<Verified = undefined> extends IdempotencyDefaults {
  /** The operation, in records and events. */
  name: string;
  /**
   * Who the key belongs to, as in {@link ActionOptions}. Method, path and query are part of every scope: the same key on
   * another URL is another operation.
   */
  scope: (request: Request, verified: Verified) => Scope | Promise<Scope>;
  /**
   * Called first, with the bytes as they came: checks a signature over them and returns what it found, such as the
   * event. When it throws or returns false the answer is 401 (in development what it threw is a process warning); a
   * `Response` is answered as it is.
   * @default none
   */
  verify?:
    | ((request: Request, rawBody: Uint8Array) => Verified | false | Response | Promise<Verified | false | Response>)
    | undefined;
  /**
   * The key, when it is not in the header: for webhooks the id of the event.
   * @default the header `Idempotency-Key`, quoted (RFC 8941) or bare
   */
  key?:
    | ((request: Request, rawBody: Uint8Array, verified: Verified) => string | undefined | Promise<string | undefined>)
    | undefined;
  /**
   * What the same key must be sent with again, else 422.
   * @default the body: JSON and forms by their meaning, anything else by its bytes
   */
  payload?: ((request: Request, rawBody: Uint8Array, verified: Verified) => unknown) | undefined;
  /**
   * Which part of the payload is compared.
   * @default all of it
   */
  fingerprint?: Fingerprint | undefined;
  /**
   * A duplicate of a run in flight gets 409 at once, or waits for its response.
   * @default 'reject'
   */
  onDuplicate?: 'wait' | 'reject' | undefined;
  /**
   * The methods that need a key; others run unprotected, and their bodies are streamed as they are.
   * @default ['POST', 'PATCH']
   */
  methods?: readonly string[] | undefined;
  /**
   * Without a key: 400, or `run` without protection.
   * @default 'reject'
   */
  missingKey?: 'reject' | 'run' | undefined;
  /**
   * Which responses count as failures: the caller gets them, and `onError` decides what becomes of the record, with an
   * error named `FailedResponse` that has the recorded `response`. One that throws is reported as a process warning, and
   * the default decides.
   * @default status 500 and above
   */
  isFailure?: ((response: Response) => boolean) | undefined;
  /**
   * Where your API describes its keys: named by the `Link` header and the `type` of refusals.
   * @default none
   */
  documentation?: string | undefined;
  /**
   * The client to use.
   * @default the one behind `withIdempotency`
   */
  client?: ActonceClient | undefined;
}

/**
 * Makes a route handler that runs once per key, by the IETF draft of the
 * [`Idempotency-Key` header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/): 400 without a
 * key, 409 with `Retry-After` while the first is running, 422 with another body, each as `application/problem+json` and never
 * recorded. A replay has the status, body and headers of the first response and `Idempotent-Replayed: true`, but no
 * `Set-Cookie`, `Date` or connection headers. The body of a response with a key is read to its end before it is sent.
 *
 * ```ts
 * export const POST = idempotentRoute(
 *   {
 *     name: 'stripe',
 *     scope: () => 'public',
 *     verify: (request, body) =>
 *       stripe.webhooks.constructEvent(Buffer.from(body), request.headers.get('stripe-signature'), secret),
 *     key: (_request, _body, event) => event.id,
 *     payload: (_request, _body, event) => event.id, // Stripe's body counts pending deliveries
 *     retentionMs: 7 * 86_400_000,
 *   },
 *   async (_request, { verified: event }) => {
 *     await fulfil(event)
 *     return new Response(null, { status: 204 })
 *   },
 * )
 * ```
 *
 * @param options See {@link RouteOptions}.
 * @param fn The handler: the request with its body unread, the context, and what Next gives a route (`params`).
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used: here, not when the route is called.
 */
// biome-ignore lint/suspicious/noExplicitAny: what Next gives depends on the route's path.
export function idempotentRoute<Verified = undefined, Given = any>(
  options: RouteOptions<Verified>,
  fn: (request: Request, ctx: RouteContext<Verified>, route: Given) => Response | Promise<Response>,
): (request: Request, route?: Given) => Promise<Response>;

// ---------------------------------------------------------------------------------------------- problems

/** What the browser learns of an {@link ActonceError}. */
export interface Problem {
  readonly code: ErrorCode;
  /** When asking again with the same key makes sense; 0 when there is no such hint. */
  readonly retryAfterMs: number;
}

/**
 * Reads an error that an action threw; undefined when it is not one of ours. In client components import it from
 * `actonce/react`.
 */
export function readProblem(error: unknown): Problem | undefined;

// ---------------------------------------------------------------------------------------------- configuration

/**
 * Adds `actonce/server` to `serverExternalPackages` of a Next.js configuration (of Next 14:
 * `experimental.serverComponentsExternalPackages`), since an addon cannot be bundled. Takes what `next.config` may
 * export, an object, a promise of one or a function, and keeps everything else.
 */
export function withActonce<Config>(config?: Config): Config;
