// Records as another version of this package made them: this one's client, with the text that version compared in the
// place of its own.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../../scripts/step.mjs';
import { bundle } from './bundle.mjs';

const require = createRequire(import.meta.url);
const { Client } = await bundle('lib/client/client.ts');
const file = fs.readdirSync(root).find((name) => /^actonce\..*\.node$/.test(name));
const addon = require(path.join(root, file));

/** The addon, which is given `text` as every payload. */
function comparing(text) {
  const open = (...given) => {
    const native = addon.open(...given);
    const begin = (op, identity, _payload, ...rest) => native.begin(op, identity, text, ...rest);
    return new Proxy(native, { get: (target, name) => (name === 'begin' ? begin : target[name]) });
  };
  return { ...addon, validateConfig: addon.validateConfig, open };
}

/** A client of this test's store whose every call compares `text`. */
export function formerClient({ t, options }, text) {
  const client = new Client(options, undefined, comparing(text));
  t.after(() => client.close({ graceMs: 0 }));
  return client;
}

/** The key has an outcome, and was claimed with `text`. */
export async function recordedBefore(world, { key, scope, text, value }) {
  await formerClient(world, text).withIdempotency(key, () => value, { scope });
}
