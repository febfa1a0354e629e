/** What the codec throws: about a value that cannot be written, or about a text that was found in the store. */

/** The value cannot be recorded exactly, so it is not recorded at all. */
export class UnencodableError extends Error {
  /** The place in the value: `order.items[2].render`. Empty for the value itself; a long path is without its middle. */
  readonly path: string;
  /** What is at that place, in the words of the message: `a function`. */
  readonly kind: string;

  constructor(kind: string, path: string, cause?: unknown) {
    const place = shortened(path);
    super(
      `Cannot record ${place === '' ? 'the value' : place}: it is ${kind}.`,
      cause === undefined ? undefined : { cause },
    );
    this.path = place;
    this.kind = kind;
  }

  override get name(): string {
    return 'UnencodableError';
  }
}

/** The recorded text is not one that `encode` makes. Nothing in it was used. */
export class MalformedPayloadError extends Error {
  /** What is wrong with the text, in the words of the message. */
  readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    super(`The recorded payload cannot be read: ${reason}.`, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }

  override get name(): string {
    return 'MalformedPayloadError';
  }
}

const LONGEST_PATH = 200;

function shortened(path: string): string {
  return path.length <= LONGEST_PATH ? path : `${path.slice(0, LONGEST_PATH / 2)}…${path.slice(-LONGEST_PATH / 2)}`;
}
