// Stands in for `next/headers`, which is not there outside of a running Next: the cookies of one request. Its other
// tests run the real one (__test__/next/server.mjs).
import Module from 'node:module';

let jar;
let refusal;
const given = async (value) => {
  if (refusal !== undefined) throw refusal;
  return value;
};
const load = Module._load;
Module._load = function (name, ...rest) {
  if (name !== 'next/headers') return load.call(this, name, ...rest);
  return { headers: () => given(new Headers()), cookies: () => given(jar) };
};

/** A request's cookies, as Next's store has them: each set cookie is an object of its own. */
export class CookieJar {
  cookies = new Map();

  getAll() {
    return [...this.cookies.values()];
  }

  set(nameOrCookie, value) {
    const cookie = typeof nameOrCookie === 'string' ? { name: nameOrCookie, value, path: '/' } : { ...nameOrCookie };
    this.cookies.set(cookie.name, cookie);
  }

  /** What is set, by name. */
  values() {
    return Object.fromEntries(this.getAll().map(({ name, value }) => [name, value]));
  }
}

/** The request that follows has these cookies; gives them. */
export function nextRequest(cookies = new CookieJar()) {
  jar = cookies;
  refusal = undefined;
  return cookies;
}

/** What Next throws from here on when it is asked about the request. */
export function nextRefuses(error) {
  refusal = error;
}
