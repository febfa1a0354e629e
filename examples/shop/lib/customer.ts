/** Who orders. A real shop takes it from the session. */
export const customer = 'ada';
