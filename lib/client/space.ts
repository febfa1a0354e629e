/**
 * The space that a client's identities belong to: a name for its store, prefix and secrets that reveals none of them.
 * Copies of this module share the names. Also what a client shows of its URL when it is printed.
 */
import { reportManyClients } from '../announce';

/** Hardly anybody means to have this many clients of one space: each keeps a connection until it is closed. */
const MANY_CLIENTS = 10;

interface Space {
  readonly name: string;
  /** How many clients of the space are open. */
  clients: number;
}

/** The field is private, so that nothing prints what the names stand for. */
class Spaces {
  readonly #spaces = new Map<string, Space>();
  #count = 0;

  enter(key: string): Space {
    let space = this.#spaces.get(key);
    if (space === undefined) {
      space = { name: `space ${++this.#count}`, clients: 0 };
      this.#spaces.set(key, space);
    }
    space.clients++;
    return space;
  }

  leave(key: string, space: Space): void {
    space.clients--;
    if (space.clients === 0) this.#spaces.delete(key);
  }
}

const SPACES = Symbol.for('actonce.spaces');

/**
 * Counts a new client in its space, and warns once when there are many that have a connection.
 * @returns the name of the space, and what to call when the client has closed
 */
export function enterSpace(url: string, prefix: string, secrets: readonly string[]): { name: string; leave(): void } {
  const shared = globalThis as { [SPACES]?: Spaces };
  shared[SPACES] ??= new Spaces();
  const spaces = shared[SPACES];
  const key = JSON.stringify([url, prefix, secrets]);
  const space = spaces.enter(key);
  if (space.clients === MANY_CLIENTS && !url.startsWith('memory:')) reportManyClients(MANY_CLIENTS, shownUrl(url));
  return { name: space.name, leave: () => spaces.leave(key, space) };
}

/**
 * The URL without user, password and parameters. The addon has accepted the URL, so an `@` stands nowhere but between
 * the password and the host.
 */
export function shownUrl(url: string): string {
  return url.replace(/^([^/]*:\/\/)[^/?#]*@/, '$1').replace(/[?#].*$/s, '');
}
