/**
 * The fingerprint that version 0.1 made. A tab outlives a deployment: an order that it sent before is found by the
 * fingerprint it was sent with. It took other things for equal than the server does, and is used for nothing new.
 */
import { isInput } from '../wire/form-entries';
import { hashOf } from '../wire/hash';

function describe(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof FormData !== 'undefined' && value instanceof FormData) return [...value].filter(([name]) => isInput(name));
  if (typeof Blob !== 'undefined' && value instanceof Blob) {
    const { name, lastModified } = value as File;
    const isNoFile = name === '' && value.size === 0;
    return ['file', name, value.size, value.type, isNoFile ? 0 : lastModified];
  }
  if (value instanceof Map) return ['map', ...value];
  if (value instanceof Set) return ['set', ...value];
  if (value instanceof ArrayBuffer) return ['bytes', ...new Uint8Array(value)];
  return value;
}

/** @throws TypeError for what contains itself */
export function formerFingerprintOf(value: unknown): string {
  return hashOf(JSON.stringify(value, (_, part) => describe(part)) ?? 'undefined');
}
