/** What `actonce/react` exports; react.d.ts describes it. Runs in the browser: nothing here may reach Node or the addon. */
export { IdempotentForm } from './idempotent-form';
export { readProblem } from './problem';
export { useIdempotentActionState } from './use-idempotent-action-state';
export { useIdempotentCall } from './use-idempotent-call';
