// Stand-ins for `next/navigation`, as CommonJS source: what Next 14.2, 15.5 and 16.4 throw, copied from the packages.
// The shop's tests run the real one.

const signal = `
  const signal = (message, digest) => Object.assign(new Error(message), { digest })
`;

/** An action's redirect is a 303, a permanent one too, and carries the request's cookies. No forbidden() yet. */
export const next14 = `${signal}
  const redirect = (url, type = 'replace') => {
    throw Object.assign(signal('NEXT_REDIRECT', \`NEXT_REDIRECT;\${type};\${url};303;\`), { mutableCookies: 'the jar' })
  }
  module.exports = {
    redirect,
    permanentRedirect: redirect,
    notFound() { throw signal('NEXT_NOT_FOUND', 'NEXT_NOT_FOUND') },
  }
`;

/** @param {boolean} authInterrupts - Whether the application switched forbidden() and unauthorized() on. */
export const next16 = (authInterrupts = true) => `${signal}
  const redirectBy = (status) => (url, type = 'push') => {
    throw signal('NEXT_REDIRECT', \`NEXT_REDIRECT;\${type};\${url};\${status};\`)
  }
  const fallback = (status) => () => {
    if (status !== 404 && !${authInterrupts}) throw new Error('is experimental and only allowed to be enabled when')
    throw signal(\`NEXT_HTTP_ERROR_FALLBACK;\${status}\`, \`NEXT_HTTP_ERROR_FALLBACK;\${status}\`)
  }
  const isSignal = (error) => typeof error?.digest === 'string' && /^(NEXT_|LATER_SIGNAL)/.test(error.digest)
  module.exports = {
    redirect: redirectBy(307),
    permanentRedirect: redirectBy(308),
    notFound: fallback(404),
    forbidden: fallback(403),
    unauthorized: fallback(401),
    unstable_rethrow(error) {
      if (isSignal(error)) throw error
      if (error instanceof Error && 'cause' in error) module.exports.unstable_rethrow(error.cause)
    },
  }
`;
