/**
 * Which store, prefix and secrets a client's identities belong to, as a name that gives none of them away; and what a
 * client says of itself when it is printed. The names are one per process, not per copy of this module.
 */

/** Private, so that nobody prints what the names stand for. */
class Spaces {
  readonly #names = new Map<string, string>();

  nameOf(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `space ${this.#names.size + 1}`;
      this.#names.set(text, name);
    }
    return name;
  }
}

const SPACES = Symbol.for('actonce.spaces');

export function spaceOf(url: string, prefix: string, secrets: readonly string[]): string {
  const shared = globalThis as { [SPACES]?: Spaces };
  shared[SPACES] ??= new Spaces();
  return shared[SPACES].nameOf(JSON.stringify([url, prefix, secrets]));
}

/** Without user, password and parameters. The addon has taken the URL: an `@` is nowhere but behind a password. */
export function shownUrl(url: string): string {
  return url.replace(/^([^/]*:\/\/)[^/?#]*@/, '$1').replace(/[?#].*$/s, '');
}
