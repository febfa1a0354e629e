/** What `actonce/react` exports; react.d.ts describes it. Runs in the browser: nothing here may reach Node or the addon. */
export { readProblem } from '../wire/problem';
export { IdempotentForm } from './idempotent-form';
export { useIdempotentActionState } from './use-idempotent-action-state';
export { useIdempotentCall } from './use-idempotent-call';
