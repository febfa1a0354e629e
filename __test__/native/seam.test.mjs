// The seam between lib/ and src/: what both say by hand is the same. Names of tags, functions and fields cross as numbers
// and by position, so no compiler compares them.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, it } from 'node:test';
import { addonFile } from '../../scripts/platform.mjs';
import { root } from '../../scripts/step.mjs';
import * as sides from '../support/two-sides.mjs';
import '../support/unhandled.mjs';

const { only, rust, typeScript } = sides;

describe('what lib/ and src/ say alike', () => {
  it('the tags of an outcome, in their order', () => {
    const tags = sides.objectOf('Tag');
    assert.ok(Object.keys(tags).length >= 26, `${Object.keys(tags).length} tags`);
    assert.deepEqual(Object.entries(tags), Object.entries(sides.enumOf('Tag')));
    assert.deepEqual(Object.values(tags), [...Object.keys(tags).keys()]);
  });

  it('the functions of a client, in their order, with what each argument is', () => {
    const declared = sides.declaredFunctions();
    assert.ok(declared.length >= 20, `${declared.length} functions`);
    assert.deepEqual(sides.registeredFunctions(), declared);
    const [, most] = only(rust, '^const MOST_ARGUMENTS: usize = (\\d+);');
    assert.equal(Number(most), Math.max(...declared.map(({ parameters }) => parameters.length)));
  });

  it('the flags of a claim', () => {
    const flags = (texts, type) => {
      const file = texts.find((text) => new RegExp(`^const WILL_WAIT${type} = `, 'm').test(text));
      const found = file.matchAll(new RegExp(`^const ([A-Z_]+)${type} = (\\d+);$`, 'gm'));
      return Object.fromEntries([...found].map(([, name, number]) => [name, number]));
    };
    assert.deepEqual(flags(typeScript, ''), { HOLD: '1', WILL_WAIT: '2', HAS_QUOTA: '4' });
    assert.deepEqual(flags(rust, ': u32'), flags(typeScript, ''));
  });

  it('the ways an attempt fails', () => {
    assert.deepEqual(sides.armsOf('FailMode'), sides.objectOf('FAIL_MODES'));
  });

  it('the reasons why a lease is lost', () => {
    const reasons = sides.objectOf('Loss');
    assert.equal(Object.keys(reasons).length, 3);
    assert.deepEqual(sides.armsOf('Loss'), reasons);
  });

  it('the codes of a failed store, in their order', () => {
    const [, codes] = only(rust, '^pub const CODES: \\[&str; \\d+\\] = \\[([^\\]]*)\\];');
    const [, stores] = only(typeScript, '^export const STORE_CODES: [^=]*= \\[([^\\]]*)\\];');
    assert.ok(sides.strings(codes).length >= 7);
    assert.deepEqual(sides.strings(stores), sides.strings(codes));
  });

  it('the partitions of instances', () => {
    const { typeScript: ours, rust: theirs } = sides.constants('PARTITIONS');
    assert.equal(ours, theirs);
  });

  it('the renewals of a lease', () => {
    const { typeScript: ours, rust: theirs } = sides.constants('RENEWALS_PER_LEASE');
    assert.equal(ours, theirs);
  });

  it('the buffer of outcomes: its size, and the order of its fields', () => {
    const [fields, batch] = ['FIELDS', 'BATCH'].map((name) => sides.constants(name, 'FIELDS'));
    assert.deepEqual([fields.typeScript, batch.typeScript], [fields.rust, batch.rust]);
    const [, needed] = only(rust, 'a Float64Array of (\\d+) is needed');
    assert.equal(Number(needed), fields.rust * batch.rust);
    const { rust: written, typeScript: read } = sides.outcomeFields();
    assert.deepEqual(read, written);
    assert.ok(written.length <= fields.rust);
  });

  it('the configuration of a client, and what an operator is shown', () => {
    assert.deepEqual(sides.structPaths('Config'), sides.interfacePaths('NativeConfig'));
    const shown = sides.interfacePaths('NativeRecord');
    const extra = sides.structPaths('Shown').filter((field) => !shown.includes(field));
    assert.deepEqual([shown.filter((field) => !sides.structPaths('Shown').includes(field)), extra], [[], ['waited']]);
  });
});

describe('the addon as it is built', () => {
  const addon = createRequire(import.meta.url)(path.join(root, addonFile()));

  it('has the functions that lib/ declares, in their order', () => {
    const config = {
      url: 'memory:',
      prefix: 'seam',
      secrets: [],
      executor: 'auto',
      connectTimeoutMs: 1,
      commandTimeoutMs: 1,
    };
    const client = addon.open(JSON.stringify(config), new Float64Array(8 * 256), () => {});
    const names = Object.keys(client);
    client.close();
    assert.deepEqual(
      names,
      sides.declaredFunctions().map(({ name }) => name),
    );
  });
});
