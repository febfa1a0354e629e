/** What `actonce/next` exports; next.d.ts describes it. */

export { idempotentRoute } from '../http/route';
export { readProblem } from '../wire/problem';
export { idempotentAction } from './action';
export { withActonce } from './config';
