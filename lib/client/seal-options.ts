/**
 * How a client's payloads are stored: which keys encrypt them, and from which size they are compressed. No message
 * repeats what was given for a key.
 */
import type { ClientOptions, CompressionOptions, EncryptionKey, EncryptionOptions } from '../../index';
import { LARGEST_RESULT_BYTES } from '../call/options';
import type { NativeConfig } from '../native/binding';
import { check, ofType, optionError, rulesOf, whole } from '../rules';

const KEY_BYTES = 32;
export const COMPRESSION_DEFAULTS = { minBytes: 1_024 } as const;

const ENCRYPTION_RULES = rulesOf<keyof EncryptionOptions>({
  keys: (value) =>
    Array.isArray(value) && value.length > 0 ? undefined : 'must be an array of { id, key }, the first of which writes',
  readsPlaintext: ofType('boolean'),
});
const KEY_RULES = rulesOf<keyof EncryptionKey>({
  id: (value) =>
    typeof value === 'string' && /^[A-Za-z0-9._-]{1,32}$/.test(value)
      ? undefined
      : "must be 1 to 32 letters, digits, '.', '_' or '-'",
  key: (value) =>
    bytesOf(value)?.length === KEY_BYTES ? undefined : `must be ${KEY_BYTES} bytes, as a Buffer, hex or base64`,
});
const COMPRESSION_RULES = rulesOf<keyof CompressionOptions>({
  minBytes: whole(64, LARGEST_RESULT_BYTES),
  beforeEncryption: ofType('boolean'),
});

function bytesOf(key: unknown): Buffer | undefined {
  if (key instanceof Uint8Array) return Buffer.from(key);
  if (typeof key !== 'string') return undefined;
  if (/^[0-9a-f]{64}$/i.test(key)) return Buffer.from(key, 'hex');
  // Buffer leaves out what it cannot read, so only a text of the right length says what it means.
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(key) ? Buffer.from(key, 'base64') : undefined;
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` with the path of what cannot be used */
export function sealOptions(options: ClientOptions): Pick<NativeConfig, 'encryption' | 'compression'> {
  const { encryption, compression } = options;
  if (compression !== undefined) check(COMPRESSION_RULES, compression, 'option compression', 'compression.');
  if (encryption !== undefined && compression !== undefined && compression.beforeEncryption !== true) {
    throw optionError(
      'compression',
      'lets the length of an encrypted value tell something about its content; beforeEncryption: true accepts that',
    );
  }
  return {
    ...(encryption === undefined ? {} : { encryption: nativeEncryption(encryption) }),
    ...(compression === undefined
      ? {}
      : { compression: { minBytes: compression.minBytes ?? COMPRESSION_DEFAULTS.minBytes } }),
  };
}

function nativeEncryption(encryption: EncryptionOptions): NativeConfig['encryption'] {
  check(ENCRYPTION_RULES, encryption, 'option encryption', 'encryption.');
  if (encryption.keys === undefined) throw optionError('encryption.keys', 'is missing');
  const ids = new Set<string>();
  const keys = encryption.keys.map((key, index) => {
    const path = `encryption.keys[${index}]`;
    check(KEY_RULES, key, `option ${path}`, `${path}.`);
    for (const name of ['id', 'key'] as const)
      if (key[name] === undefined) throw optionError(`${path}.${name}`, 'is missing');
    if (ids.has(key.id)) throw optionError(`${path}.id`, 'is the id of another key');
    ids.add(key.id);
    return { id: key.id, key: (bytesOf(key.key) as Buffer).toString('base64') };
  });
  return { keys, readsPlaintext: encryption.readsPlaintext === true };
}
