// What is the same payload: the list of examples.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';
import { REFUSED, VECTORS } from './vectors.mjs';

const { canonicalText } = await bundle('lib/call/fingerprint.ts');

const SIDES = { server: canonicalText };

for (const [side, nameOf] of Object.entries(SIDES)) {
  describe(`one order is one order to the ${side}, however it is written`, () => {
    for (const { what, same, other = [], text } of VECTORS) {
      it(what, () => {
        const [first, ...others] = same.map((payload) => nameOf(payload));
        for (const equal of others) assert.equal(equal, first);
        for (const payload of other) assert.notEqual(nameOf(payload), first, String(payload));
        if (text !== undefined && side === 'server') assert.equal(first, text);
      });
    }
    for (const [what, payload] of Object.entries(REFUSED)) {
      it(`${what} is refused`, () => assert.throws(() => nameOf(payload), /cannot be|is a|contains/));
    }
  });
}
