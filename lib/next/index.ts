/** What `actonce/next` exports; next.d.ts describes it. */
export { readProblem } from '../problem';
export { idempotentAction } from './action';
export { withActonce } from './config';
export { idempotentRoute } from './route';
