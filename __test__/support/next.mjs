// `actonce/next` as built, and what a test needs of Next outside of Next.
import { createRequire } from 'node:module';
import './unhandled.mjs';

const require = createRequire(import.meta.url);
export const next = require('../../dist/next.cjs');

export function formOf(entries) {
  const form = new FormData();
  for (const [name, value] of Object.entries(entries)) {
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, one);
  }
  return form;
}
