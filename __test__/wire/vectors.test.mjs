// The server and the browser agree on what is the same payload: both are held to one list of examples. Where they did
// not, an order whose answer was lost was placed again under a new key, because its fields came in another order.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launchBrowser } from '../support/browser.mjs';
import { bundle, bundleForPage } from '../support/bundle.mjs';
import '../support/unhandled.mjs';
import { REFUSED, VECTORS } from './vectors.mjs';

const { canonicalText } = await bundle('lib/call/fingerprint.ts');
const { fingerprintOf } = await bundle('lib/react/fingerprint.ts');

const SIDES = { server: canonicalText, browser: fingerprintOf };

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

describe('one order is one order to a real browser', () => {
  let browser;
  let page;
  before(async () => {
    browser = await launchBrowser();
    page = await browser.newPage();
    await page.addScriptTag({ content: await bundleForPage('__test__/wire/in-page.mjs', 'vectors') });
  });
  after(() => browser?.close());

  it('every example', async () => {
    const found = await page.evaluate(() => window.vectors.judge());
    assert.deepEqual(found, { judged: VECTORS.length + Object.keys(REFUSED).length, wrong: [] });
  });
});
