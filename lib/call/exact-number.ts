/** A number of a payload, by its digits. To whoever calculates with it, it is the nearest double. */
export class ExactNumber extends Number {
  readonly #digits: string;

  constructor(digits: string) {
    super(digits);
    this.#digits = digits;
  }

  override toString(): string {
    return this.#digits;
  }

  /** A text: JSON has no other way to carry the digits. */
  toJSON(): string {
    return this.#digits;
  }

  static is(value: object): value is ExactNumber {
    return #digits in value;
  }
}
