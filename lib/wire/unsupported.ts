/** Stands in for an export where there is no Node.js: importing it is harmless, and calling it says what to do. */
export function unsupported(name: string): () => never {
  return () => {
    const message =
      `${name} of actonce needs Node.js, and this code runs in the browser or the edge runtime. Call it in a Server ` +
      'Action, a route handler or a server component with the Node.js runtime. [ERR_UNSUPPORTED_PLATFORM]';
    const code = 'ERR_UNSUPPORTED_PLATFORM';
    throw Object.assign(new Error(message), { code, digest: `ACTONCE;${code};0` });
  };
}
