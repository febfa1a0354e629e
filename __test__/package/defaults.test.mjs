// Every `@default` of the .d.ts files is what the code does: a value is in the table of defaults that the code reads, and
// a value of such a table has its `@default`. What stands there in words ("none", "the system's") has no value in a table.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../scripts/step.mjs';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';

const FILES = ['index.d.ts', 'machine.d.ts', 'next.d.ts', 'react.d.ts', 'testing.d.ts'];

/** Where the code has the defaults of what an interface describes: a module of lib/, and the table's name there. */
const TABLES = {
  IdempotencyDefaults: ['lib/call/options.ts', 'DEFAULTS'],
  ClientOptions: ['lib/client/client-options.ts', 'CLIENT_DEFAULTS'],
  CacheOptions: ['lib/client/client-options.ts', 'CACHE_DEFAULTS'],
  DurabilityOptions: ['lib/client/client-options.ts', 'DURABILITY_DEFAULTS'],
  CloseOptions: ['lib/client/client-options.ts', 'CLOSE_DEFAULTS'],
  CompressionOptions: ['lib/client/seal-options.ts', 'COMPRESSION_DEFAULTS'],
  StateMachineOptions: ['lib/machine/index.ts', 'MACHINE_DEFAULTS'],
  DrainOptions: ['lib/machine/drain.ts', 'DRAIN_DEFAULTS'],
  WaitForOptions: ['lib/machine/wait.ts', 'WAIT_DEFAULTS'],
  ActionOptions: ['lib/http/definition.ts', 'DEFINITION_DEFAULTS'],
  RouteOptions: ['lib/http/route.ts', 'ROUTE_DEFAULTS'],
  IdempotentActionStateOptions: ['lib/react/tab.ts', 'INTENT_DEFAULTS'],
  IdempotentCallOptions: ['lib/react/tab.ts', 'INTENT_DEFAULTS'],
  TestClient: ['lib/testing/test-client.ts', 'TEST_CLIENT_DEFAULTS'],
};

/** `Interface.name` and what its `@default` says, of a .d.ts file. */
function* described(text) {
  let owner;
  let said;
  for (const line of text.split('\n')) {
    owner = /^export (?:declare )?(?:interface|type|class) (\w+)/.exec(line)?.[1] ?? owner;
    const [, words] = /@default (.*?)(?:\s*\*\/)?$/.exec(line) ?? [];
    if (words !== undefined) said = words;
    else if (said !== undefined && !/^\s*\*/.test(line)) {
      const [, method, name = method] = /^\s*(?:readonly )?(?:(\w+)\(|(\w+)\??:)/.exec(line) ?? [];
      assert.ok(owner && name, `'@default ${said}' is of nothing: ${line}`);
      yield { owner, name, said };
      said = undefined;
    }
  }
}

/** The value that stands there, with a remark in brackets behind it or none; nothing where it is words. */
function literalOf(said) {
  const literal = said.replace(/ \(.*\)$/, '');
  if (!/^(?:[\d_]+|'[^']*'|true|false|undefined|\[.*\]|\{ .* \})$/.test(literal)) return [];
  const json = literal
    .replaceAll(/(?<=\d)_(?=\d)/g, '')
    .replaceAll("'", '"')
    .replaceAll(/(\w+):/g, '"$1":');
  return [literal === 'undefined' ? undefined : JSON.parse(json)];
}

/** An option that was left out is no more than false, without any table. */
const meant = (value) => (value === false ? undefined : value);

test('every @default is in the tables of the code, and every value of a table is a @default', async () => {
  const modules = new Map();
  for (const [file] of Object.values(TABLES)) if (!modules.has(file)) modules.set(file, await bundle(file));
  const tables = new Map(Object.entries(TABLES).map(([owner, [file, name]]) => [owner, modules.get(file)[name]]));
  for (const [owner, table] of tables) assert.ok(table, `${TABLES[owner].join(' has no ')}`);

  const all = FILES.flatMap((file) => [...described(fs.readFileSync(path.join(root, file), 'utf8'))]);
  assert.ok(all.length > 80, `${all.length} defaults`);
  for (const { owner, name, said } of all) {
    const inCode = tables.get(owner)?.[name];
    const where = `${owner}.${name}: the code has ${JSON.stringify(inCode)}, '@default ${said}'`;
    const [value] = literalOf(said);
    assert.deepEqual(meant(inCode), meant(value), where);
    const [, fallback] = /^the client's default, else (\S+)$/.exec(said) ?? [];
    if (fallback) assert.deepEqual(literalOf(fallback), [tables.get('IdempotencyDefaults')[name]], where);
  }
  for (const [owner, table] of tables) {
    for (const [name, value] of Object.entries(table)) {
      const has = all.some((each) => each.owner === owner && each.name === name);
      assert.ok(has || value === undefined, `${owner}.${name} is ${JSON.stringify(value)} and has no @default`);
    }
  }
});
