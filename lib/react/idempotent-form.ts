/** A form whose action runs once per intent; the hook as a component. */
import * as React from 'react';
import type { IdempotentFormProps } from '../../react';
import { useIdempotentActionState } from './use-idempotent-action-state';

export function IdempotentForm<State>(props: IdempotentFormProps<State>): React.ReactElement {
  const { action, initialState, id, initialKey, repeatAfterMs, permalink, children, ...rest } = props;
  const form = useIdempotentActionState(action, initialState as Awaited<State>, {
    id,
    initialKey,
    repeatAfterMs,
    permalink,
  });
  const content = typeof children === 'function' ? children(form) : children;
  return React.createElement('form', { ...rest, ...form.formProps }, form.field, content);
}
