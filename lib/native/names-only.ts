/**
 * Stands in for the addon in a client that is switched off, where the addon cannot run: such a client keeps nothing and
 * needs names only. Whatever needs a store throws the error that says why there is none.
 */
import { createHash } from 'node:crypto';
import type { ActonceError } from '../errors';
import type { NativeClient, NativeModule } from './addon';

/** From RFC 9562. */
const NAMESPACE_URL = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';

function uuidV5(namespace: string, text: string): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(text)
    .digest();
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const NAMESPACE = uuidV5(NAMESPACE_URL, 'urn:actonce:derived-key');

/** As `derive_key` in src/store/keys.rs: a provider must get the same key, whether idempotency is on or off. */
function deriveKey(prefix: string, identity: string, name: string): string {
  const { byteLength } = Buffer;
  return uuidV5(NAMESPACE, `${byteLength(prefix)}:${prefix}${byteLength(identity)}:${identity}${name}`);
}

/** For logs. The addon hashes otherwise (BLAKE3), and there is no record with either name. */
function hash(identity: string): string {
  return createHash('sha256').update(identity).digest().toString('base64url', 0, 16);
}

export function namesOnly(reason: ActonceError): NativeModule {
  const refuse = (): never => {
    throw reason;
  };
  const open = (config: string): NativeClient => {
    const { prefix } = JSON.parse(config) as { prefix: string };
    return {
      hash,
      deriveKey: (identity, name) => deriveKey(prefix, identity, name),
      held: () => false,
      leases: () => 0,
      forget() {},
      close() {},
      begin: refuse,
      again: refuse,
      wait: refuse,
      complete: refuse,
      fail: refuse,
      admin: refuse,
      define: refuse,
      create: refuse,
      send: refuse,
      look: refuse,
      due: refuse,
      executor: refuse,
      advance: refuse,
      crash: refuse,
    };
  };
  return { open, validateConfig: () => null };
}
