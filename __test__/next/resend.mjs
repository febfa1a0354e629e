// What docs/why.md begins with: a browser that sends a Server Action again without telling anybody. `npm run why`
// measures the long form.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { clickOnce } from '../support/click.mjs';
import { openShakyApp } from '../support/shaky-app.mjs';
import '../support/unhandled.mjs';

describe('one click, its answer lost once on a reused connection', () => {
  let place;
  before(async () => {
    place = await openShakyApp({ servers: 1 });
  });
  after(() => place?.close());

  for (const [path, executed] of [
    ['/unguarded', 2],
    ['/order', 1],
  ]) {
    for (const by of ['fin', 'rst']) {
      it(`${path}, by ${by}: DevTools sees 1 request, 2 are sent, the action runs ${executed}×`, async () => {
        const lose = [1, { on: 'reused', by }];
        const counted = await clickOnce(place, { path, lose });
        assert.deepEqual(counted, { seen: 1, sent: 2, executed, ui: 'result' });
      });
    }
  }

  // Browsers repeat what a kept connection lost, not what a fresh one or a half-read answer lost.
  it('is not repeated on a fresh connection, nor when the answer had begun: the page fails and the order stands', async () => {
    for (const lose of [
      [1, { on: 'fresh' }],
      [1, { on: 'reused', by: 'cut' }],
    ]) {
      const { ui, ...counted } = await clickOnce(place, { path: '/unguarded', lose });
      assert.deepEqual(counted, { seen: 1, sent: 1, executed: 1 });
      assert.match(ui, /^error/);
    }
  });
});
