// Names the platforms that a prebuilt addon exists for, in the same words as npm/ and lib/native/addon.ts.
import fs from 'node:fs';
import path from 'node:path';
import { root } from './step.mjs';

/** Node's header says which C library it runs on; only glibc states a version. */
function linuxLibrary() {
  return process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
}

/** This machine, e.g. `linux-x64-gnu` or `darwin-arm64`. */
export function platform() {
  const library = process.platform === 'linux' ? `-${linuxLibrary()}` : '';
  return `${process.platform}-${process.arch}${library}`;
}

/** Every platform with a package under npm/. */
export function platforms() {
  return fs.readdirSync(path.join(root, 'npm')).sort();
}

export function addonFile(name = platform()) {
  return `actonce.${name}.node`;
}

const TARGETS = {
  'darwin-arm64': 'aarch64-apple-darwin',
  'darwin-x64': 'x86_64-apple-darwin',
  'linux-arm64-gnu': 'aarch64-unknown-linux-gnu',
  'linux-arm64-musl': 'aarch64-unknown-linux-musl',
  'linux-x64-gnu': 'x86_64-unknown-linux-gnu',
  'linux-x64-musl': 'x86_64-unknown-linux-musl',
};

/** The name that Rust has for a platform. */
export function rustTarget(name) {
  return TARGETS[name];
}
