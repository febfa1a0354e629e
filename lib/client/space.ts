/**
 * The space that a client's identities belong to: a name for its store, prefix and secrets that reveals none of them.
 * Copies of this module share the names. Also what a client shows of its URL when it is printed.
 */
import { reportManyClients } from '../announce';

/** Hardly anybody means to have this many clients of one space: each keeps a connection until it is closed. */
const MANY_CLIENTS = 10;

/** The fields are private, so that nothing prints what the names stand for. */
class Spaces {
  readonly #names = new Map<string, string>();
  readonly #clients = new Map<string, number>();

  nameOf(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `space ${this.#names.size + 1}`;
      this.#names.set(text, name);
    }
    return name;
  }

  /** @returns how many clients of the space are open now */
  count(space: string, change: 1 | -1): number {
    const clients = (this.#clients.get(space) ?? 0) + change;
    this.#clients.set(space, clients);
    return clients;
  }
}

const SPACES = Symbol.for('actonce.spaces');

function spaces(): Spaces {
  const shared = globalThis as { [SPACES]?: Spaces };
  shared[SPACES] ??= new Spaces();
  return shared[SPACES];
}

export function spaceOf(url: string, prefix: string, secrets: readonly string[]): string {
  return spaces().nameOf(JSON.stringify([url, prefix, secrets]));
}

/** Counts a new client of the space, and warns once when there are many. */
export function clientOpened(space: string, url: string): void {
  if (spaces().count(space, 1) === MANY_CLIENTS) reportManyClients(MANY_CLIENTS, shownUrl(url));
}

export function clientClosed(space: string): void {
  spaces().count(space, -1);
}

/**
 * The URL without user, password and parameters. The addon has accepted the URL, so an `@` stands nowhere but between
 * the password and the host.
 */
export function shownUrl(url: string): string {
  return url.replace(/^([^/]*:\/\/)[^/?#]*@/, '$1').replace(/[?#].*$/s, '');
}
