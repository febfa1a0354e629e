/** A form whose action runs once per intent; the hook as a component. */
import * as React from 'react';
import type { IdempotentFormProps } from '../../react';
import { useIdempotentActionState } from './use-idempotent-action-state';

export function IdempotentForm<State, Bound extends readonly unknown[] = readonly []>(
  props: IdempotentFormProps<State, Bound>,
): React.ReactElement {
  const { action, initialState, id, initialKey, repeatAfterMs, permalink, exclude, bound, children, ...rest } = props;
  const form = useIdempotentActionState(action, initialState as Awaited<State>, props);
  const content = typeof children === 'function' ? children(form) : children;
  return React.createElement('form', { ...rest, ...form.formProps }, form.field, content);
}
