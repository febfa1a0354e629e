/**
 * Next's functions about the request that is being answered. They are loaded when they are called: importing the
 * package must load nothing, and outside Next they are not there.
 */
import { isForeignControlFlow } from '../outcome/next-signals';

interface HeadersLike {
  get(name: string): string | null;
}

/** A cookie as Next's own store holds it: with its attributes, when it was set in this request. */
export type SetCookie = { readonly name: string; readonly value: string } & Record<string, unknown>;

export interface CookieJar {
  getAll(): SetCookie[];
  set(cookie: SetCookie): unknown;
}

interface NextHeaders {
  headers(): HeadersLike | Promise<HeadersLike>;
  cookies(): CookieJar | Promise<CookieJar>;
}

/** Undefined outside of a request. */
async function ofRequest<T>(read: (next: NextHeaders) => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read(require('next/headers') as NextHeaders);
  } catch (error) {
    // Next says in this way that a page cannot be rendered ahead, and only Next may handle that.
    if (isForeignControlFlow(error)) throw error;
    return undefined;
  }
}

export async function requestHeader(name: string): Promise<string | undefined> {
  const headers = await ofRequest((next) => next.headers());
  return headers?.get(name) ?? undefined;
}

export function requestCookies(): Promise<CookieJar | undefined> {
  return ofRequest((next) => next.cookies());
}
