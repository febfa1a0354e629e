/** What the codec throws: at whom wrote the value, or at what was found in the store. */

/** The value cannot be recorded exactly, so it is not recorded at all. */
export class UnencodableError extends Error {
  /** Where in the value: `order.items[2].render`; empty for the value itself, a long one without its middle. */
  readonly path: string;
  /** What is there, as it is said in the message: `a function`. */
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

/** The recorded text is not one that `encode` makes. Nothing of it was used. */
export class MalformedPayloadError extends Error {
  /** What is wrong with it, as it is said in the message. */
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
