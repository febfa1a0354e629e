/** A form whose action runs once per intent; the hook as a component. A refusal is never silent. */
import * as React from 'react';
import type * as described from '../../react';
import type { FormContent, IdempotentActionState, IdempotentFormProps, Problem } from '../../react';
import { asError } from './problem';
import { messageOf } from './problem-message';
import { useIdempotentActionState } from './use-idempotent-action-state';

type Props<State, Bound extends readonly unknown[]> = IdempotentFormProps<State, Bound> &
  FormContent<State> & { initialState?: Awaited<State> | undefined };

function Form<State, Bound extends readonly unknown[]>(props: Props<State, Bound>): React.ReactElement {
  const { action, initialState, id, initialKey, repeatAfterMs, permalink, exclude, bound, children, ...more } = props;
  const { renderProblem, problemMessages, throwProblems, ...rest } = more;
  const form = useIdempotentActionState(action, initialState as Awaited<State>, props);
  if (throwProblems === true && form.problem !== undefined) throw asError(form.problem);
  const content = typeof children === 'function' ? children(form) : children;
  const problem = form.problem === undefined ? null : shown(form.problem, form, props);
  const formProps = { ...(rest as React.ComponentPropsWithoutRef<'form'>), ...form.formProps };
  return React.createElement('form', formProps, form.field, content, problem);
}

/** A function as `children` has the problem, and shows it where it wants to. */
function shown<State, Bound extends readonly unknown[]>(
  problem: Problem,
  form: IdempotentActionState<State>,
  { children, renderProblem, problemMessages }: Props<State, Bound>,
): React.ReactNode {
  if (renderProblem !== undefined) return renderProblem(problem, form);
  if (typeof children === 'function' && problemMessages === undefined) return null;
  const reference = problem.retryable || problem.reference === undefined ? '' : ` (${problem.reference})`;
  return React.createElement('p', { role: 'alert' }, messageOf(problem, problemMessages) + reference);
}

export const IdempotentForm = Form as typeof described.IdempotentForm;
