/**
 * `useActionState` with a key chosen at submit time. While the page is rendered on the server and hydrated, React holds the
 * Server Action itself, so that the form works without JavaScript; after that a wrapper that sees how the action ends.
 */
import * as React from 'react';
import type { BoundOption, IdempotentActionState, IdempotentActionStateOptions, Problem } from '../../react';
import { KEY_FIELD } from '../wire/form-entries';
import { boundAction } from './bound-action';
import { fingerprintsOf } from './fingerprint';
import { address, followed, type Submission } from './outcome';
import { readProblem } from './problem';
import { chooseKey, forgetAll, INTENT_DEFAULTS, noteSent, randomKey } from './tab';

/** By reflection: bundlers refuse a name that a module does not have, as React 18, also where it is never used. */
const useActionState: typeof React.useActionState | undefined = Reflect.get(React, 'useActionState');

type Action<State> = (previous: Awaited<State>, form: FormData) => State | Promise<State>;
type AnyFunction = (...args: readonly unknown[]) => unknown;

const NONE: readonly never[] = [];

/** What was submitted with a form: it waits while an earlier submission runs, and the same form may be submitted again. */
const submissions = new WeakMap<FormData, Submission>();

export function useIdempotentActionState<State, Bound extends readonly unknown[] = readonly []>(
  bare: (...args: [...bound: Bound, previous: Awaited<State>, form: FormData]) => State | Promise<State>,
  initialState: Awaited<State>,
  options: IdempotentActionStateOptions & BoundOption<Bound>,
): IdempotentActionState<State> {
  const {
    id,
    initialKey,
    repeatAfterMs = INTENT_DEFAULTS.repeatAfterMs,
    permalink,
    exclude = NONE,
    bound = NONE,
  } = options;
  const action = boundAction(bare as AnyFunction, bound) as Action<State>;
  if (useActionState === undefined) throw new Error('useIdempotentActionState needs React 19 (Next.js 15 or newer)');
  const [problem, setProblem] = React.useState<Problem>();
  const [isHydrated, setHydrated] = React.useState(false);
  React.useEffect(() => setHydrated(true), []);
  const keepsInput = React.useRef(false);

  const printsOf = React.useCallback(
    (form: FormData) => fingerprintsOf({ id, bound, args: [form], exclude, before: form }),
    [id, bound, exclude],
  );
  const keyOf = React.useCallback(
    (form: FormData, sent = printsOf(form)) => chooseKey(id, sent, repeatAfterMs, initialKey),
    [id, repeatAfterMs, initialKey, printsOf],
  );
  const submissionOf = React.useCallback(
    (form: FormData): Submission => {
      // There already when the form's own event was heard. In a form that was submitted before it is the former one.
      const chosen = submissions.has(form) ? null : (form.get(KEY_FIELD) as string | null);
      submissions.delete(form);
      const sent = printsOf(form);
      const key = chosen || keyOf(form, sent);
      const isRepeated = noteSent(id, key, sent.fingerprint);
      const submission = { id, key, asker: { token: randomKey(), throwsFlow: true }, isRepeated };
      submissions.set(form, submission);
      return submission;
    },
    [id, keyOf, printsOf],
  );
  const followedAction: Action<State> = React.useCallback(
    async (previous, form) => {
      try {
        const submission = submissions.get(form) ?? submissionOf(form);
        address(form, submission);
        const state = await followed(submission, () => action(previous, form));
        keepsInput.current = false;
        setProblem(undefined);
        return state;
      } catch (error) {
        const refusal = readProblem(error);
        if (refusal === undefined) throw error;
        keepsInput.current = true;
        setProblem(refusal);
        return previous as State;
      }
    },
    [action, submissionOf],
  );
  const [state, formAction, pending] = useActionState<State, FormData>(
    isHydrated ? followedAction : action,
    initialState,
    permalink,
  );

  /** Noted at once, since React may let it wait: what is read of the form meanwhile must not push it out. */
  const submit = React.useCallback(
    (form: FormData) => {
      try {
        submissionOf(form);
      } catch {
        // The action says so.
      }
      formAction(form);
    },
    [submissionOf, formAction],
  );

  /** A function, so that a form which is shown later is heard as well. */
  const ref = React.useCallback(
    (form: HTMLFormElement) => {
      const onFormData = ({ formData }: FormDataEvent) => {
        // The key of the render is not the one to send. Where there is none to be had, the action says so.
        formData.delete(KEY_FIELD);
        try {
          formData.set(KEY_FIELD, keyOf(formData));
        } catch {
          return;
        }
      };
      // React empties a form whose action has ended: after a refusal that would lose what was typed.
      const onReset = (event: Event) => {
        if (keepsInput.current) event.preventDefault();
        keepsInput.current = false;
      };
      form.addEventListener('formdata', onFormData);
      form.addEventListener('reset', onReset);
      return () => {
        form.removeEventListener('formdata', onFormData);
        form.removeEventListener('reset', onReset);
      };
    },
    [keyOf],
  );

  const reset = React.useCallback(() => {
    forgetAll(id);
    setProblem(undefined);
  }, [id]);
  const field = initialKey === undefined ? null : hiddenKey(initialKey);
  return { state, pending, problem, reset, formProps: { ref, action: isHydrated ? submit : formAction }, field };
}

/** What a post without JavaScript sends. */
function hiddenKey(key: string): React.ReactElement {
  const props = {
    type: 'hidden',
    name: KEY_FIELD,
    defaultValue: key,
    autoComplete: 'off',
    suppressHydrationWarning: true,
  };
  return React.createElement('input', props);
}
