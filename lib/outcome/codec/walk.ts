/**
 * One pass of devalue over a value. Through devalue's operations, `kindOf` decides what devalue may accept; the
 * reducers write what devalue does not know. A pass reads every property once. What throws when read is refused at its
 * place. An object with `toJSON` would be another value after any trip, so it is refused as well. Only in a thrown
 * error, where the field would be lost otherwise, a pass calls `toJSON` as React Flight and JSON call it.
 */
import { stringify, stringifyAsync } from 'devalue';
import type { ValueClass } from '../../../index';
import { isUnreadable, Unreadable } from './describe';
import { type Kind, kindOf } from './kinds';
import { LONGEST_TEXT } from './limits';
import { tagOfClass } from './value-classes';
import { ViewPlan } from './views';

/** Reads what is written of an error: all of it inside a value, a bounded part when the error was thrown. */
export type ErrorReader = (error: Error) => Record<string, unknown>;

/** A value comes back as it was or is refused; of what was thrown, as much as can be written at once is kept. */
type Purpose = 'value' | 'thrown';

type Reducer = (thing: unknown) => unknown;

/** A plain object to devalue, which then asks `shapeOf`. */
const UNTAGGED = 'Object';

export class Walk {
  hasBlobs = false;
  /** Whether there was an instance of a registered class. */
  hasRegistered = false;
  readonly #errorReader: ErrorReader;
  readonly #purpose: Purpose;
  readonly #classes: readonly ValueClass[];
  readonly #views: ViewPlan;
  readonly #substitutes = new Map<object, unknown>();
  /** The promises that devalue may wait for, in a pass that waits for bytes. Every other promise is refused. */
  #awaited: Set<unknown> | undefined;
  /**
   * The kind of the object at hand. devalue asks about one object at a time: the reducers first, then the operations.
   */
  #kind: Kind = '';

  constructor(errorReader: ErrorReader, purpose: Purpose, classes: readonly ValueClass[], views = new ViewPlan()) {
    this.#errorReader = errorReader;
    this.#purpose = purpose;
    this.#classes = classes;
    this.#views = views;
    for (const type of classes) this.#reducers[tagOfClass(type)] = (thing) => this.#registered(type, thing);
  }

  /** Whether this pass found one buffer behind several views, and so has to be done again. */
  get sharesBytes(): boolean {
    return this.#views.isShared;
  }

  /** Another pass, which knows what this one found out about shared buffers. */
  again(): Walk {
    return new Walk(this.#errorReader, this.#purpose, this.#classes, this.#views.forSecondPass());
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
    const isPlain = this.#kind === 'Plain' || this.#kind === 'NullPrototype';
    if (!isPlain || hasToJson(thing)) return { kind: 'not-plain' as const };
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

  /** In a thrown error: what `toJSON` makes of an object that has one and is of no kind that is kept as it is. */
  #substituted(value: unknown, key: string): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (this.#substitutes.has(value)) return this.#substitutes.get(value);
    try {
      if (!hasToJson(value) || this.#purpose === 'value') return value;
      if (!['Plain', 'NullPrototype', 'Refused'].includes(kindOf(value))) return value;
      if (this.#classes.some((type) => type.is(value))) return value;
      const substitute: unknown = value.toJSON(key);
      this.#substitutes.set(value, substitute);
      return substitute;
    } catch (cause) {
      return new Unreadable(cause);
    }
  }

  /**
   * An instance of a registered class, as its class writes it; in an object, since a reducer says no with a falsy
   * value.
   */
  #registered(type: ValueClass, thing: unknown): { readonly '#encoded': unknown } | false {
    if (this.#kind !== 'Refused' || isUnreadable(thing)) return false;
    try {
      if (!type.is(thing)) return false;
      this.hasRegistered = true;
      return { '#encoded': type.encode(thing) };
    } catch (cause) {
      return { '#encoded': new Unreadable(cause) };
    }
  }

  /** False when the entries are too large to be put together again; devalue then refuses the object. */
  #entries(pairs: Iterable<[string, unknown]>): [string, unknown][] | false {
    const entries = [...pairs];
    const length = entries.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
    return length <= LONGEST_TEXT && entries;
  }

  #blob(blob: Blob, fields: object): object | false {
    if (this.#purpose === 'thrown') return false;
    this.hasBlobs = true;
    if (this.#awaited === undefined) return fields; // The first pass only finds out whether there are any.
    const bytes = blob.arrayBuffer();
    this.#awaited.add(bytes);
    return { ...fields, bytes };
  }
}

function hasToJson(thing: object): thing is { toJSON(key: string): unknown } {
  return typeof (thing as { toJSON?: unknown }).toJSON === 'function';
}

function fileFields(file: File) {
  return { name: file.name, type: file.type, lastModified: file.lastModified };
}

/** The name in an array, since an empty string would mean that the reducer says no. */
function registeredName(symbol: symbol): [string] | false {
  const name = Symbol.keyFor(symbol);
  return name !== undefined && [name];
}
