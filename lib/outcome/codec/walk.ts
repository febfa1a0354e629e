/**
 * One pass of devalue over a value. Through devalue's operations, `kindOf` decides what devalue may accept; the
 * reducers write what devalue does not know. A pass reads every property once and calls `toJSON` as React Flight and
 * JSON call it. What throws when read is refused at its place.
 */
import { stringify, stringifyAsync } from 'devalue';
import { Unreadable } from './describe';
import { type Kind, kindOf } from './kinds';
import { LONGEST_TEXT } from './limits';
import { ViewPlan } from './views';

/** Reads what is written of an error: all of it inside a value, a bounded part when the error was thrown. */
export type ErrorReader = (error: Error) => Record<string, unknown>;

type Reducer = (thing: unknown) => unknown;

/** A plain object to devalue, which then asks `shapeOf`. */
const UNTAGGED = 'Object';

export class Walk {
  hasBlobs = false;
  readonly #errorReader: ErrorReader;
  readonly #blobs: 'allow blobs' | 'refuse blobs';
  readonly #views: ViewPlan;
  readonly #substitutes = new Map<object, unknown>();
  /** The promises that devalue may wait for, in a pass that waits for bytes. Every other promise is refused. */
  #awaited: Set<unknown> | undefined;
  /**
   * The kind of the object at hand. devalue asks about one object at a time: the reducers first, then the operations.
   */
  #kind: Kind = '';

  constructor(errorReader: ErrorReader, blobs: 'allow blobs' | 'refuse blobs', views = new ViewPlan()) {
    this.#errorReader = errorReader;
    this.#blobs = blobs;
    this.#views = views;
  }

  /** Whether this pass found one buffer behind several views, and so has to be done again. */
  get sharesBytes(): boolean {
    return this.#views.isShared;
  }

  /** Another pass, which knows what this one found out about shared buffers. */
  again(): Walk {
    return new Walk(this.#errorReader, this.#blobs, this.#views.forSecondPass());
  }

  write(value: unknown): string {
    return stringify(this.#substituted(value, ''), this.#reducers, { operations: this.#operations });
  }

  writeWithBytes(value: unknown): Promise<string> {
    this.#awaited = new Set();
    return stringifyAsync(this.#substituted(value, ''), this.#reducers, { operations: this.#operations });
  }

  /** The order counts: the first reducer finds out the kind for all that follow. */
  readonly #reducers: Record<string, Reducer> = {
    Error: (thing) => this.#look(thing) === 'Error' && this.#errorReader(thing as Error),
    Buffer: (thing) => this.#kind === 'Buffer' && this.#views.copy(thing as Buffer),
    FormData: (thing) => this.#kind === 'FormData' && this.#entries(thing as FormData),
    Headers: (thing) => this.#kind === 'Headers' && this.#entries(thing as Headers),
    File: (thing) => this.#kind === 'File' && this.#blob(thing as File, fileFields(thing as File)),
    Blob: (thing) => this.#kind === 'Blob' && this.#blob(thing as Blob, { type: (thing as Blob).type }),
    Symbol: (thing) => typeof thing === 'symbol' && registeredName(thing),
  };

  readonly #operations = {
    tagOf: (): string => (this.#isUntagged() ? UNTAGGED : this.#kind),
    shapeOf: (thing: object) => this.#shape(thing),
    isThenable: (thing: unknown): boolean => this.#awaited?.has(thing) === true,
    get: (object: Record<string, unknown>, key: string | number): unknown => this.#read(object, key),
    entriesOf: (map: Map<unknown, unknown>) => this.#mapEntries(map),
    valuesOf: (set: Set<unknown>) =>
      Array.from(Set.prototype.values.call(set), (value) => this.#substituted(value, '')),
    viewInfo: (view: ArrayBufferView) => this.#views.viewInfo(view),
    toArrayBuffer: (buffer: ArrayBuffer): ArrayBuffer => this.#views.whole(buffer),
  };

  #look(thing: unknown): Kind {
    this.#kind = typeof thing === 'object' && thing !== null ? kindOf(thing) : '';
    return this.#kind;
  }

  #isUntagged(): boolean {
    return ['Plain', 'NullPrototype', 'Refused', 'File', 'Blob', 'FormData', 'Headers'].includes(this.#kind);
  }

  #shape(thing: object) {
    if (this.#kind !== 'Plain' && this.#kind !== 'NullPrototype') return { kind: 'not-plain' as const };
    const symbols = Object.getOwnPropertySymbols(thing);
    if (symbols.some((key) => Object.prototype.propertyIsEnumerable.call(thing, key))) {
      return { kind: 'symbol-keys' as const };
    }
    return {
      kind: this.#kind === 'Plain' ? ('plain' as const) : ('null-proto' as const),
      keys: Object.keys(thing),
    };
  }

  #read(object: Record<string, unknown>, key: string | number): unknown {
    try {
      return this.#substituted(object[key], String(key));
    } catch (cause) {
      return new Unreadable(cause);
    }
  }

  #mapEntries(map: Map<unknown, unknown>): [unknown, unknown][] {
    const entries = Map.prototype.entries.call(map);
    return Array.from(entries, ([key, value]) => [this.#substituted(key, '0'), this.#substituted(value, '1')]);
  }

  /**
   * What `toJSON` makes of an object that has one and is of no kind that is kept as it is: React Flight does the same.
   */
  #substituted(value: unknown, key: string): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (this.#substitutes.has(value)) return this.#substitutes.get(value);
    try {
      const { toJSON } = value as { toJSON?: unknown };
      if (typeof toJSON !== 'function') return value;
      if (!['Plain', 'NullPrototype', 'Refused'].includes(kindOf(value))) return value;
      const substitute: unknown = toJSON.call(value, key);
      this.#substitutes.set(value, substitute);
      return substitute;
    } catch (cause) {
      return new Unreadable(cause);
    }
  }

  /** False when the entries are too large to be put together again; devalue then refuses the object. */
  #entries(pairs: Iterable<[string, unknown]>): [string, unknown][] | false {
    const entries = [...pairs];
    const length = entries.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
    return length <= LONGEST_TEXT && entries;
  }

  #blob(blob: Blob, fields: object): object | false {
    if (this.#blobs === 'refuse blobs') return false;
    this.hasBlobs = true;
    if (this.#awaited === undefined) return fields; // The first pass only finds out whether there are any.
    const bytes = blob.arrayBuffer();
    this.#awaited.add(bytes);
    return { ...fields, bytes };
  }
}

function fileFields(file: File) {
  return { name: file.name, type: file.type, lastModified: file.lastModified };
}

/** The name in an array, since an empty string would mean that the reducer says no. */
function registeredName(symbol: symbol): [string] | false {
  const name = Symbol.keyFor(symbol);
  return name !== undefined && [name];
}
