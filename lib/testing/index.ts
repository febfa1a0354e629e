/** What `actonce/testing` exports; testing.d.ts describes it. */
export { createTestClient } from './test-client';
