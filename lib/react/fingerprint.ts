/** Whether two submissions send the same. Only a hash is remembered: forms hold what no storage should. */
import { isInput } from '../wire/form-entries';
import { hashOf } from '../wire/hash';

function describe(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof FormData !== 'undefined' && value instanceof FormData) return entriesOf(value);
  if (typeof Blob !== 'undefined' && value instanceof Blob) {
    const { name, lastModified } = value as File;
    // For a field without a file the browser makes an empty one, dated now, each time the form is read.
    const isNoFile = name === '' && value.size === 0;
    return ['file', name, value.size, value.type, isNoFile ? 0 : lastModified];
  }
  if (value instanceof Map) return ['map', ...value];
  if (value instanceof Set) return ['set', ...value];
  if (value instanceof ArrayBuffer) return ['bytes', ...new Uint8Array(value)];
  return value;
}

function entriesOf(form: FormData): unknown[] {
  return [...form].filter(([name]) => isInput(name));
}

/** @throws TypeError for what contains itself, which no Server Action's argument may */
export function fingerprintOf(value: unknown): string {
  return hashOf(JSON.stringify(value, (_, part) => describe(part)) ?? 'undefined');
}
