// docs/recipes/decimal.md: what a replay gives is a Decimal again, with every digit.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temporaryFolder } from '../support/folder.mjs';
import { folder, recipe, startRecipe } from '../support/recipes.mjs';
import '../support/unhandled.mjs';

const require = createRequire(`${folder}/package.json`);

describe('decimal.js', () => {
  const { Decimal } = require('decimal.js');

  for (const net of ['19.99', '0.1', '-0', '1e-400', '123456789012345678901234567890.123456789']) {
    it(`${net} replays as the decimal that it was`, async () => {
      const { addTax } = await recipe('decimal/prices');
      const [first, replay] = [await addTax(`tax ${net}`, 'ann', net), await addTax(`tax ${net}`, 'ann', net)];
      assert.notEqual(replay.net, first.net);
      for (const { net: kept, gross } of [first, replay]) {
        assert.ok(Decimal.isDecimal(kept) && Decimal.isDecimal(gross));
        assert.equal(kept.toJSON(), new Decimal(net).toJSON());
        assert.equal(gross.toJSON(), first.gross.toJSON());
      }
    });
  }
});

describe('Prisma', () => {
  let db;

  before(async () => {
    process.env.DATABASE_URL = `file:${path.join(temporaryFolder('decimal'), 'shop.db')}`;
    db = require('@libsql/client').createClient({ url: process.env.DATABASE_URL });
    await db.executeMultiple(fs.readFileSync(path.join(folder, 'schema.sql'), 'utf8'));
  });
  after(() => db?.close());

  it('a row with a Decimal is billed once and replays as that row, in another process as well', async (t) => {
    const { bill } = await recipe('decimal/invoices');
    const first = await bill('invoice', 'ann', '19.90');
    const replay = await bill('invoice', 'ann', '19.90');
    assert.equal(replay.total.constructor, first.total.constructor);
    assert.deepEqual([replay.id, replay.total.plus(1).toString()], [first.id, '20.9']);
    const { said } = await startRecipe(t, 'decimal/invoices', 'bill', ['invoice', 'ann', '19.90']).ended;
    assert.deepEqual(JSON.parse(said[0]), { value: { id: first.id, total: '19.9' } });
    const { rows } = await db.execute('SELECT COUNT(*) AS n FROM invoices');
    assert.equal(Number(rows[0].n), 1);
  });
});
