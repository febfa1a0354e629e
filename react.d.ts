/**
 * actonce/react: forms and calls that send one idempotency key per intent.
 *
 * The key is chosen at the moment of submission, from what is sent and from what this tab knows of earlier attempts. A
 * lost answer, a reload, an error page and a double click keep the key. An edit gets a new key, and so does the same
 * submission sent again after its outcome was seen. The key is kept in `sessionStorage`, with a hash of what was sent.
 *
 * @packageDocumentation
 */
import type { ComponentPropsWithoutRef, ReactElement, ReactNode } from 'react';
import type { ErrorCode } from './index';
import type { IdempotentAction } from './next';

/** What the browser learns of an `ActonceError`, or of a submission that got no answer. */
export interface Problem {
  /**
   * The code of an `ActonceError`, or a code that only a browser has. `ERR_NETWORK`: no answer came, because the device
   * is offline or the connection broke, or a proxy answered instead; the action may have run. `ERR_TAB_FULL`: the tab
   * waits for the outcomes of 1,000 submissions under this id and can remember no more; nothing was sent.
   */
  readonly code: ErrorCode | 'ERR_NETWORK' | 'ERR_TAB_FULL';
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
 * Reads an error that a Server Action threw, or that came instead of the action's answer (`ERR_NETWORK`); returns
 * undefined for any other error.
 */
export function readProblem(error: unknown): Problem | undefined;

/** The option for arguments that are bound to an action; it must be given where the action declares `bound`. */
export type BoundOption<Bound extends readonly unknown[]> = Bound extends readonly []
  ? {
      /** @default none: the action has no bound arguments */
      bound?: Bound | undefined;
    }
  : {
      /**
       * The arguments to bind in front of the action, one for each that it declares with `bound`. They are part of what
       * is sent: another product is another intent. Give them here instead of calling `bind`, because nobody can see
       * what an action has bound already; such an action needs its arguments in `id`. An action that is bound during the
       * render of this component makes React render without end after a post without JavaScript.
       */
      bound: Bound;
    };

/** What the hooks compare. */
export interface ComparedOptions {
  /**
   * Paths of what is sent that are not compared: fields with a new value at each try, such as a captcha's answer, a CSRF
   * token or a time. Without them, every try after a lost answer would be a new intent. Written as in the option
   * `fingerprint` of the action, which must leave out the same: `fingerprint: { exclude: […] }`. In development the
   * console names a path that leaves nothing out.
   * @default none
   */
  exclude?: readonly string[] | undefined;
}

/** Options of {@link useIdempotentActionState}. */
export interface IdempotentActionStateOptions extends ComparedOptions {
  /**
   * Names the form in this tab: one id per form, the same after a reload. Forms for different things need different
   * ids.
   */
  id: string;
  /**
   * A key that the server made for this render, for posts without JavaScript: `crypto.randomUUID()` in a dynamically
   * rendered page. Do not make it in a static page (all visitors would share it) or in a client component.
   * @default none: without JavaScript the action then refuses with `ERR_KEY_MISSING`
   */
  initialKey?: string | undefined;
  /**
   * For how many milliseconds after its outcome was seen the same submission, sent again, counts as a double click.
   * @default 2_000
   */
  repeatAfterMs?: number | undefined;
  /**
   * As in `useActionState`.
   * @default none
   */
  permalink?: string | undefined;
}

/** What {@link useIdempotentActionState} returns. */
export interface IdempotentActionState<State> {
  /** The action's last result. */
  readonly state: Awaited<State>;
  /** Whether a submission is under way. */
  readonly pending: boolean;
  /**
   * Set when the last submission was refused (`ERR_IN_PROGRESS`, `ERR_STORE_UNAVAILABLE` and so on), or when no answer
   * came (`ERR_NETWORK`). `state` and the typed input are then as before, and submitting again sends the same key.
   * Undefined after any other end.
   */
  readonly problem: Problem | undefined;
  /** Forgets what was sent: the same submission is a new intent from now on. Clears `problem`. */
  readonly reset: () => void;
  /** For the form: `<form {...formProps}>`. */
  readonly formProps: {
    readonly ref: (form: HTMLFormElement) => () => void;
    readonly action: (form: FormData) => void;
  };
  /** The hidden field with `initialKey`: put it inside the form. Null without `initialKey`. */
  readonly field: ReactElement | null;
}

/**
 * `useActionState` for an action that runs once per intent. Needs React 19.
 *
 * ```tsx
 * 'use client'
 * const { state, pending, problem, formProps, field } =
 *   useIdempotentActionState(placeOrder, null, { id: 'order', initialKey })
 * return (
 *   <form {...formProps}>
 *     {field}
 *     <input name="bags" defaultValue={1} />
 *     <button disabled={pending}>Place order</button>
 *     {problem && <p role="alert">Not confirmed yet ({problem.code}). Press again: it stays one order.</p>}
 *   </form>
 * )
 * ```
 */
export function useIdempotentActionState<State, Bound extends readonly unknown[] = readonly []>(
  action: (...args: [...bound: Bound, previousState: Awaited<State>, formData: FormData]) => State | Promise<State>,
  initialState: Awaited<State>,
  options: IdempotentActionStateOptions & BoundOption<Bound>,
): IdempotentActionState<State>;

/** Props of {@link IdempotentForm}: the options of the hook, and all other props of a `form`. */
export type IdempotentFormProps<State, Bound extends readonly unknown[] = readonly []> = IdempotentActionStateOptions &
  BoundOption<Bound> &
  Omit<ComponentPropsWithoutRef<'form'>, 'action' | 'children' | 'id'> & {
    action: (...args: [...bound: Bound, previousState: Awaited<State>, formData: FormData]) => State | Promise<State>;
    /**
     * Returns what stands below the content after a refusal or a lost answer.
     * @default a paragraph with `role="alert"` that says what to do, and the reference if sending again does not help;
     *   nothing if `children` is a function
     */
    renderProblem?: ((problem: Problem, form: IdempotentActionState<State>) => ReactNode) | undefined;
    /**
     * Texts for that paragraph, by code; `other` is for every code without a text of its own.
     * @default English texts
     */
    problemMessages?: Partial<Record<Problem['code'] | 'other', string>> | undefined;
    /**
     * Gives a problem to the nearest error boundary (`error.tsx`), which reads it with {@link readProblem}. What was
     * typed is lost then.
     * @default false
     */
    throwProblems?: boolean | undefined;
  };

/** What is in an {@link IdempotentForm}, from the state that it begins with. */
export interface FormContent<State> {
  /** The content of the form, or a function that returns it from the form's state. Such a function shows `problem`. */
  children?: ReactNode | ((form: IdempotentActionState<State>) => ReactNode);
}

/**
 * {@link useIdempotentActionState} as a component. It adds the hidden field by itself. Without `initialState` the state
 * is undefined until the action has ended for the first time.
 */
export function IdempotentForm<State, Bound extends readonly unknown[] = readonly []>(
  props: IdempotentFormProps<State, Bound> & FormContent<State> & { initialState: Awaited<State> },
): ReactElement;
export function IdempotentForm<State, Bound extends readonly unknown[] = readonly []>(
  props: IdempotentFormProps<State, Bound> & FormContent<State | undefined> & { initialState?: undefined },
): ReactElement;

/** Options of {@link useIdempotentCall}. */
export interface IdempotentCallOptions extends ComparedOptions {
  /** Names the call in this tab: one id per purpose, the same after a reload. */
  id: string;
  /**
   * For how many milliseconds after its outcome was seen the same call counts as a double click.
   * @default 2_000
   */
  repeatAfterMs?: number | undefined;
}

/**
 * For event handlers: returns a function that calls the action with the right key in front. A FormData among the
 * arguments also gets the key, as its field. The function rejects with what the action throws; {@link readProblem}
 * reads that error. It rejects before anything is sent when an argument cannot be compared (a function, a promise), and
 * with `ERR_TAB_FULL`.
 *
 * A redirect or a page such as `notFound()` counts as seen only if the call was sent for the first time, because it may
 * come from `scope`. A result of `onInvalid` counts as seen unless a FormData was sent.
 *
 * ```tsx
 * const order = useIdempotentCall(placeOrder, { id: 'order' })
 * <button onClick={() => order({ bags: 2 })}>Place order</button>
 * ```
 */
export function useIdempotentCall<Sent, Result, Bound extends readonly unknown[] = readonly []>(
  action: IdempotentAction<Sent, Result, Bound>,
  options: IdempotentCallOptions & BoundOption<Bound>,
): (input: Sent | FormData) => Promise<Result>;
export function useIdempotentCall<Args extends readonly unknown[], Result>(
  action: (key: string, ...args: Args) => Promise<Result>,
  options: IdempotentCallOptions,
): (...args: Args) => Promise<Result>;
