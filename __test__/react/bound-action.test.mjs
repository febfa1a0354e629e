// A bound action is the same function for the same arguments, or a page without JavaScript would never be rendered.
import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';

const { boundAction } = await bundle('lib/react/bound-action.ts');
const returnsAll =
  () =>
  (...given) =>
    given;

it('is the same for equal arguments, and binds them', () => {
  const bare = returnsAll();
  const one = boundAction(bare, ['product-7', { city: 'Graz', street: 1 }]);
  assert.equal(boundAction(bare, ['product-7', { street: 1, city: 'Graz' }]), one);
  assert.deepEqual(one('k'), ['product-7', { city: 'Graz', street: 1 }, 'k']);
  assert.equal(boundAction(bare, []), bare);
});

it('is another for other arguments, another action, and another file of the same name', () => {
  const [bare, other] = [returnsAll(), returnsAll()];
  const file = () => new File(['ab'], 'a.png', { lastModified: 1 });
  const [first, second] = [file(), file()];
  const all = [
    boundAction(bare, ['7']),
    boundAction(bare, [7]),
    boundAction(other, ['7']),
    boundAction(bare, [first]),
    boundAction(bare, [second]),
  ];
  assert.equal(new Set(all).size, all.length);
  assert.equal(boundAction(bare, [first]), all[3]);
  assert.equal(all[4]()[0], second);
});

it('is bound anew where an argument cannot be compared', () => {
  const bare = returnsAll();
  const done = () => {};
  assert.deepEqual(boundAction(bare, [done])('k'), [done, 'k']);
});

it('is not kept for long', (t) => {
  mock.timers.enable({ apis: ['Date'] });
  t.after(() => mock.timers.reset());
  const bare = returnsAll();
  const [first, second] = ['1', '2'].map((id) => boundAction(bare, [id]));
  mock.timers.tick(9_000);
  assert.equal(boundAction(bare, ['2']), second);
  mock.timers.tick(9_000);
  assert.equal(boundAction(bare, ['2']), second);
  assert.notEqual(boundAction(bare, ['1']), first);
});
