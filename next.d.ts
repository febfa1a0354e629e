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

/** One thing that a validator found wrong. */
export type StandardIssue = InputIssue;

// ---------------------------------------------------------------------------------------------- actions

/**
 * Options of {@link idempotentAction}, besides those of {@link IdempotencyDefaults}. Every function that gets the input
 * gets the bound arguments after it, as `fn` does; write their types where you use them.
 */
export interface ActionOptions<Input, Result, Refusal = never, Sent = Input> extends IdempotencyDefaults {
  /**
   * The operation, as records and events name it. It is part of the record's name, so a new name starts anew. Never use
   * Next's own id of the action, because that id changes with every build.
   */
  name: string;
  /**
   * Who the key belongs to: the user, or `[tenant, user]`. The function is called on every request that the schema
   * accepts, replays included, before anything is looked up, so it is the place to authorise. What it throws (also a
   * `redirect('/login')`) is never recorded. `'public'` stands for a scope that all users share; undefined and empty
   * parts are refused.
   */
  scope: (input: Input, ...bound: never[]) => Scope | Promise<Scope>;
  /**
   * How many arguments are bound in front of the action (`buy.bind(null, product.id)`), by a form, a button or a hook.
   * They are part of the payload, whatever `fingerprint` says, and `fn` gets them last. They come from the browser as
   * all else does, and no schema checks them. An action that gets more or fewer arguments than this refuses with
   * `ERR_INVALID_ARGUMENT`; only the types can refuse one bound argument that is not declared, because it looks like the
   * previous state of `useActionState`. For the same reason, one too few in front of a previous state is refused only
   * where React says in the form that there is one: on a page that the server rendered, sent with JavaScript.
   * @default none
   */
  bound?: number | undefined;
  /**
   * Checks the input. Input that the schema refuses is never recorded: `onInvalid` answers, or else `ERR_INVALID_INPUT`
   * is thrown. The schema gets a form as an object, without React's own entries and the key. A name that occurs once in
   * the form has its value there; a name that occurs more often has an array of all its values.
   * @default none: the input is the argument, or the FormData
   */
  schema?: StandardSchema<Sent, Input> | undefined;
  /**
   * The payload: when the same key comes with another payload, the call is refused with `ERR_KEY_REUSED`. Undefined is
   * refused with `ERR_INVALID_ARGUMENT`, since it would compare nothing; return null where that is meant.
   * @default what was sent, before the schema; in forms without React's own entries and the key
   */
  payload?: ((input: Input, ...bound: never[]) => unknown) | undefined;
  /**
   * Which part of the payload is compared.
   * @default all of it
   */
  fingerprint?: Fingerprint | undefined;
  /** As in `withIdempotency`, but also gets the input. */
  recover?:
    | ((ctx: IdempotencyContext, input: Input, ...bound: never[]) => Recovered<Result> | PromiseLike<Recovered<Result>>)
    | undefined;
  /** As in `withIdempotency`: cancels the claim and the waiting. */
  signal?: AbortSignal | undefined;
  /**
   * Called and awaited for every response, first and replayed: the place for cookies, `revalidatePath`, `updateTag` and
   * `after`. As in `withIdempotency`, but also gets the input. TypeScript cannot know the value's type here; write
   * `(outcome: Outcome<Order>) => …` where you use the value.
   */
  onResponse?(outcome: Outcome, input: Input, ...bound: never[]): unknown;
  /**
   * Answers input that the schema refused: its result is the state that a form shows. `sent` is the argument or the
   * FormData. The forms of `actonce/react` know that the result is not on record, and keep their key. Do not combine it
   * with calls of `useIdempotentCall` that send no FormData, since these take the result for the outcome of their key.
   */
  onInvalid?: ((issues: readonly StandardIssue[], sent: unknown) => Refusal | Promise<Refusal>) | undefined;
  /**
   * Answers a problem that would otherwise be thrown as an {@link ActonceError}: `ERR_IN_PROGRESS`, `ERR_KEY_REUSED`,
   * `ERR_STORE_UNAVAILABLE` and so on. Its result is the action's result for this caller and is never recorded. A form
   * without JavaScript shows that result instead of an error page. It serves only forms, and not the forms of
   * `actonce/react`. A plain call and the hooks get the error, since they would take a result for an outcome, and the
   * next try would have a new key.
   */
  onProblem?: ((problem: ActonceError, sent: FormData) => Refusal | Promise<Refusal>) | undefined;
  /**
   * What happens to a call without a key: it is refused with `ERR_KEY_MISSING`, or it may `run` without protection.
   * @default 'reject'
   */
  missingKey?: 'reject' | 'run' | undefined;
  /**
   * Names of cookies that are set inside the function; they are recorded, and set again on replays. The cookies are
   * those of the first caller, so the option is refused with the scope `'public'`. Prefer `onResponse`.
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
 * A Server Action. The key comes from the form's field `idempotency-key`, or from the argument in front of input that is
 * no form; else from the header `Idempotency-Key`. `previousState` is not looked at, and never taken for the key: on a
 * double click, the second call's previous state is the first call's result.
 */
export interface IdempotentAction<Sent, Result, Bound extends readonly unknown[] = readonly []> {
  /** Called from the client with a key and one argument. A form has its key in its field, and not in front of it. */
  (...args: [...bound: Bound, key: string | null | undefined, input: Sent]): Promise<Result>;
  /** Called as `<form action={…}>`, with and without JavaScript. React ignores the result. */
  (...args: [...bound: Bound, formData: FormData]): Promise<void>;
  /** Called with `useActionState`, and with `useIdempotentActionState` of `actonce/react`. */
  // biome-ignore lint/suspicious/noExplicitAny: the state is not looked at, so any initial state must fit.
  (...args: [...bound: Bound, previousState: any, formData: FormData]): Promise<Result>;
  /** Binds the arguments that the option `bound` declares, and no other: all of them at once. */
  bind(thisArg: null | undefined, ...bound: Bound): IdempotentAction<Sent, Result>;
}

/**
 * Makes a Server Action that runs once per key. Export the action from a `'use server'` file.
 *
 * The action rejects with whatever `fn` throws, with everything that `withIdempotency` may reject with, and with
 * `ERR_INVALID_INPUT`. An error that was recorded as the outcome (`onError: 'record'`) has a `digest` that says so, unless
 * it has one of its own: by that the hooks of `actonce/react` know that the outcome was seen.
 *
 * @param options See {@link ActionOptions}.
 * @param fn The work. Called with the input, the context and the bound arguments, once per key.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used. It is thrown here, not when the action is
 *   called.
 */
export function idempotentAction<Input, Result, Refusal = never, Sent = Input>(
  options: ActionOptions<Input, Result, Refusal, Sent> & { bound?: 0 | undefined },
  fn: (input: Input, ctx: IdempotencyContext) => Result | Promise<Result>,
): IdempotentAction<Sent, Result | Refusal>;
/** The same for an action with bound arguments, whose types are those that `fn` says: `(form: FormData, ctx, id: string)`. */
export function idempotentAction<Input, Result, Bound extends readonly unknown[], Refusal = never, Sent = Input>(
  options: ActionOptions<Input, Result, Refusal, Sent> & { bound: Bound['length'] },
  fn: (input: Input, ctx: IdempotencyContext, ...bound: Bound) => Result | Promise<Result>,
): IdempotentAction<Sent, Result | Refusal, Bound>;

// ---------------------------------------------------------------------------------------------- routes

/** The context that a route's handler gets besides the request. */
export interface RouteContext<Verified = undefined> extends IdempotencyContext {
  /** What `verify` returned. */
  readonly verified: Verified;
}

/**
 * Options of {@link idempotentRoute}, besides those of {@link IdempotencyDefaults}; `onDuplicate` has another default.
 */
export interface RouteOptions<Verified = undefined> extends IdempotencyDefaults {
  /** The operation, as records and events name it. */
  name: string;
  /**
   * Who the key belongs to, as in {@link ActionOptions}. Method, path and query are part of every scope: the same key
   * on another URL is another operation.
   */
  scope: (request: Request, verified: Verified) => Scope | Promise<Scope>;
  /**
   * Called first, with the bytes of the body as they arrived. It checks a signature over them and returns what it
   * found, such as the event. When it throws or returns false, the answer is 401 (in development, what it threw is a
   * process warning). When it returns a `Response`, that is the answer.
   * @default none
   */
  verify?:
    | ((request: Request, rawBody: Uint8Array) => Verified | false | Response | Promise<Verified | false | Response>)
    | undefined;
  /**
   * Returns the key when it is not in the header: for webhooks, the id of the event.
   * @default the header `Idempotency-Key`, quoted (RFC 8941) or bare
   */
  key?:
    | ((request: Request, rawBody: Uint8Array, verified: Verified) => string | undefined | Promise<string | undefined>)
    | undefined;
  /**
   * The payload: when the same key comes with another payload, the answer is 422. May return a promise of it.
   * Undefined is refused with `ERR_INVALID_ARGUMENT`, since it would compare nothing; return null where that is meant.
   * @default the body: JSON and forms by their meaning, anything else by its bytes. A number that a double does not
   *   hold is compared by its digits; a function as `fingerprint` gets a `Number` object for it, whose `toString()` has
   *   them. JSON that is nested deeper than 200 levels where it is compared is 400.
   */
  payload?: ((request: Request, rawBody: Uint8Array, verified: Verified) => unknown) | undefined;
  /**
   * Which part of the payload is compared.
   * @default all of it
   */
  fingerprint?: Fingerprint | undefined;
  /**
   * What a duplicate of a run in flight does: it gets 409 at once, or waits for the run's response.
   * @default 'reject'
   */
  onDuplicate?: 'wait' | 'reject' | undefined;
  /**
   * The methods that need a key. Other methods run unprotected, and their bodies are streamed as they are.
   * @default ['POST', 'PATCH']
   */
  methods?: readonly string[] | undefined;
  /**
   * What happens to a request without a key: the answer is 400, or the handler may `run` without protection.
   * @default 'reject'
   */
  missingKey?: 'reject' | 'run' | undefined;
  /**
   * Which responses count as failures. The caller gets such a response, and `onError` decides what happens to the
   * record: a recorded failure replays as the same response. `onError` receives an error named `FailedResponse`, which
   * has the recorded `response`. When `isFailure` throws, its error is reported as a process warning, and the default
   * decides.
   * @default status 500 and above
   */
  isFailure?: ((response: Response) => boolean) | undefined;
  /**
   * URL of the page where your API describes its keys. The `Link` header and the `type` of refusals name it.
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
 * Makes a route handler that runs once per key, by the IETF draft of the [`Idempotency-Key`
 * header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/). It answers 400 without a key,
 * 409 with `Retry-After` while the first request is running, and 422 to another body. These refusals are
 * `application/problem+json` and never recorded. A replay has the status, body and headers of the first response and
 * `Idempotent-Replayed: true`, but no `Set-Cookie`, `Date` or connection headers. The body of a response with a key is
 * read to its end before it is sent. A response that cannot be read to its end completes the key: replays are 409.
 *
 * ```ts
 * export const POST = idempotentRoute(
 *   {
 *     name: 'stripe',
 *     scope: () => 'public',
 *     verify: (request, body) =>
 *       stripe.webhooks.constructEvent(Buffer.from(body), request.headers.get('stripe-signature'), webhookSecret),
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
 * @param fn The handler. It gets the request with its body unread, the context, and what Next gives a route (`params`).
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used. It is thrown here, not when the route is
 *   called.
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
  /** Whether the same submission, sent again, may succeed without anybody changing anything. */
  readonly retryable: boolean;
  /** When asking again with the same key makes sense, in milliseconds; 0 when there is no such hint. */
  readonly retryAfterMs: number;
  /**
   * Names the record, as `hash` does in errors and events: what a customer can quote, and `inspect({ hash })` takes.
   * Undefined when the refusal is about no record.
   */
  readonly reference: string | undefined;
}

/**
 * Reads an error that an action threw; returns undefined when the error is not one of actonce. In client components,
 * import it from `actonce/react`.
 */
export function readProblem(error: unknown): Problem | undefined;

// ---------------------------------------------------------------------------------------------- configuration

/**
 * Adds `actonce/server` to `serverExternalPackages` of a Next.js configuration (in Next 14:
 * `experimental.serverComponentsExternalPackages`), since a native addon cannot be bundled. It takes everything that
 * `next.config` may export (an object, a promise of one, or a function) and keeps all other settings.
 */
export function withActonce<Config>(config?: Config): Config;
