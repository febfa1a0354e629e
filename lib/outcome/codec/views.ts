/**
 * Typed arrays and the memory behind them. A view usually shows a part of a buffer, and the rest may belong to somebody
 * else: Node cuts small Buffers of all requests from one pool. So only the bytes that a value shows are written. Where
 * several views of a value share a buffer, the stretch that they span together is written once.
 */

interface Stretch {
  from: number;
  to: number;
  /** How many views show a part of the buffer. */
  parts: number;
  /** Whether the buffer itself, or a view of all of it, is in the value. */
  whole: boolean;
}

interface ViewInfo {
  buffer: ArrayBuffer;
  byteOffset: number;
  byteLength: number;
  length: number;
  bufferByteLength: number;
}

/** Every element size divides this number, so a view may start at the same place in the stretch. */
const ALIGNMENT = 8;

export class ViewPlan {
  readonly #found = new Map<ArrayBuffer, Stretch>();
  readonly #known: ReadonlyMap<ArrayBuffer, Stretch>;
  readonly #cut = new Map<ArrayBuffer, ArrayBuffer>();
  readonly #copies = new Set<ArrayBuffer>();

  constructor(known: ReadonlyMap<ArrayBuffer, Stretch> = new Map()) {
    this.#known = known;
  }

  /** Whether the parts that were written share memory, which a second pass has to keep. */
  get isShared(): boolean {
    for (const stretch of this.#found.values()) if (isShared(stretch)) return true;
    return false;
  }

  forSecondPass(): ViewPlan {
    return new ViewPlan(this.#found);
  }

  /** A Buffer's own bytes. Buffers never share: whose memory they are cut from is Node's business. */
  copy(buffer: Buffer): ArrayBuffer {
    return this.#noted(bytesOf(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteOffset + buffer.byteLength));
  }

  whole(buffer: ArrayBuffer): ArrayBuffer {
    if (!this.#copies.has(buffer)) this.#stretch(buffer, 0, buffer.byteLength).whole = true;
    return buffer;
  }

  viewInfo(view: ArrayBufferView): ViewInfo {
    const buffer = view.buffer as ArrayBuffer;
    const end = view.byteOffset + view.byteLength;
    if (view.byteLength === buffer.byteLength) return info(view, buffer, 0);
    const known = this.#known.get(buffer);
    this.#stretch(buffer, view.byteOffset, end).parts += 1;
    if (known === undefined || !isShared(known)) {
      return info(view, this.#noted(bytesOf(buffer, view.byteOffset, end)), 0);
    }
    if (known.whole) return info(view, buffer, view.byteOffset);
    const from = known.from - (known.from % ALIGNMENT);
    const cut = this.#cut.get(buffer) ?? this.#noted(bytesOf(buffer, from, known.to));
    this.#cut.set(buffer, cut);
    return info(view, cut, view.byteOffset - from);
  }

  #stretch(buffer: ArrayBuffer, from: number, to: number): Stretch {
    const stretch = this.#found.get(buffer) ?? { from, to, parts: 0, whole: false };
    this.#found.set(buffer, stretch);
    stretch.from = Math.min(stretch.from, from);
    stretch.to = Math.max(stretch.to, to);
    return stretch;
  }

  #noted(copy: ArrayBuffer): ArrayBuffer {
    this.#copies.add(copy);
    return copy;
  }
}

function isShared(stretch: Stretch): boolean {
  return stretch.parts > 1 || (stretch.parts > 0 && stretch.whole);
}

function bytesOf(buffer: ArrayBuffer, from: number, to: number): ArrayBuffer {
  return ArrayBuffer.prototype.slice.call(buffer, from, to);
}

function info(view: ArrayBufferView, buffer: ArrayBuffer, byteOffset: number): ViewInfo {
  const { byteLength } = view;
  const length = 'length' in view ? (view.length as number) : byteLength;
  return { buffer, byteOffset, byteLength, length, bufferByteLength: buffer.byteLength };
}
