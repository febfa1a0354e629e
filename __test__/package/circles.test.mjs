// The rooms of lib/: scripts/circles.mjs names the files of an import that may not be. Small trees, one fault each.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { faultsIn } from '../../scripts/circles.mjs';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import '../support/unhandled.mjs';

/** What is wrong with a lib/ of these files, given by their import lines. */
function faultsOf(files) {
  const lib = temporaryFolder('rooms');
  for (const [name, imports] of Object.entries(files)) {
    const file = path.join(lib, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `${[imports].flat().join('\n')}\nexport const it = 1;\nexport type It = string;\n`);
  }
  return faultsIn(lib);
}

const value = (from) => `import { it as other } from '${from}';\nexport const used = other;`;
const type = (from) => `import type { It as Other } from '${from}';\nexport type Used = Other;`;
/** As it is written where a module gives a value as well. */
const mixed = (from) =>
  `import { type It as Other, it as other } from '${from}';\nexport const used: Other = String(other);`;

test('lib/ has no fault', async () => {
  assert.deepEqual(await faultsIn(path.join(root, 'lib')), []);
});

test('imports that lead down are let through, to a file, to an index, and to what is outside of lib/', async () => {
  const files = {
    'errors.ts': type('../index'),
    'outcome/codec/index.ts': value('../../errors'),
    'call/call.ts': [type('../outcome/codec'), "import { it as error } from '../errors';\nexport const e = error;"],
    'next/index.ts': value('../call/call'),
    'index.ts': [value('./next'), "export { it as again } from './call/call';"],
  };
  assert.deepEqual(await faultsOf(files), []);
});

for (const [how, line] of Object.entries({ value, type, mixed })) {
  test(`an import that leads up is named with both files: ${how}`, async () => {
    const files = { 'call/call.ts': line('../client/client'), 'client/client.ts': '' };
    const [fault, ...more] = await faultsOf(files);
    assert.match(fault, /^call\/call\.ts imports client\/client\.ts: call may import .*native$/);
    assert.deepEqual(more, []);
  });
}

test('a type that is imported where it is used, and an export from above, lead up as well', async () => {
  const files = {
    'call/call.ts': "export type Of = import('../client/client').It;",
    'native/binding.ts': "export type { It as Term } from '../call/call';",
    'client/client.ts': '',
  };
  const faults = await faultsOf(files);
  assert.deepEqual(
    faults.map((fault) => fault.split(':')[0]),
    ['call/call.ts imports client/client.ts', 'native/binding.ts imports call/call.ts'],
  );
});

test('what leads up by its words in a comment does not', async () => {
  const files = { 'call/call.ts': "// import { it } from '../client/client';", 'client/client.ts': '' };
  assert.deepEqual(await faultsOf(files), []);
});

test('rooms of one floor do not know each other, and react/ knows wire/ alone', async () => {
  const files = {
    'errors.ts': '',
    'wire/problem.ts': '',
    'http/route.ts': value('../machine/machine'),
    'machine/machine.ts': '',
    'react/outcome.ts': [value('../wire/problem'), "import { it as e } from '../errors';\nexport const x = e;"],
  };
  assert.deepEqual((await faultsOf(files)).toSorted(), [
    'http/route.ts imports machine/machine.ts: http may import ground, wire, outcome, native, call, client',
    'react/outcome.ts imports errors.ts: react may import wire',
  ]);
});

test('a circle of values is named with its files, within a room as well', async () => {
  const files = { 'call/a.ts': value('./b'), 'call/b.ts': value('./c'), 'call/c.ts': value('./a') };
  const faults = await faultsOf(files);
  assert.equal(faults.length, 1);
  assert.match(faults[0], /^a circle of values: (call\/[abc]\.ts > ){3}call\/[abc]\.ts$/);
});

test('types may refer to each other within a room, also through values one way', async () => {
  const files = { 'call/a.ts': value('./b'), 'call/b.ts': type('./a') };
  assert.deepEqual(await faultsOf(files), []);
});

test('a circle of types from room to room is named with both files', async () => {
  const files = { 'call/a.ts': type('../client/b'), 'client/b.ts': type('../call/a') };
  const [fault, ...more] = await faultsOf(files);
  assert.match(fault, /^call\/a\.ts imports client\/b\.ts: /);
  assert.deepEqual(more, []);
});

test('the one way up leads no further: what is above it may not lead back', async () => {
  const way = { 'call/context.ts': value('../machine/steps'), 'machine/movable.ts': '' };
  assert.deepEqual(await faultsOf({ ...way, 'machine/steps.ts': value('./movable') }), []);
  const [fault] = await faultsOf({ ...way, 'machine/steps.ts': type('../call/context') });
  assert.match(fault, /^a circle of types from room to room: .*call\/context\.ts/);
});

test('the functions of the addon are for native/ and for the stage that plays it', async () => {
  const files = {
    'native/addon.ts': '',
    'native/binding.ts': value('./addon'),
    'testing/stage.ts': value('../native/addon'),
    'client/client.ts': type('../native/addon'),
  };
  assert.deepEqual(await faultsOf(files), ['client/client.ts imports native/addon.ts, which only native/ may know']);
});

test('a new folder needs a floor', async () => {
  assert.deepEqual(await faultsOf({ 'helpers/a.ts': '' }), [
    'helpers/a.ts is in no room that scripts/circles.mjs knows',
  ]);
});
