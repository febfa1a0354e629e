// The code in docs/recipes is the code that the suites beside this one run.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { recipePages } from '../../scripts/embed.mjs';
import { root } from '../../scripts/step.mjs';
import '../support/unhandled.mjs';

describe('the pages of docs/recipes', () => {
  for (const { name, text, embedded } of recipePages()) {
    it(`${name} shows the code that is run (else: node scripts/embed.mjs)`, () => {
      assert.equal(text, embedded);
      const blocks = text.match(/^```\w+$/gm)?.length ?? 0;
      assert.equal(text.match(/^<!-- embed /gm)?.length ?? 0, blocks, 'every block of code comes from a file');
    });

    it(`${name} links to files that are there`, () => {
      for (const [, link] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
        if (link.startsWith('https:')) continue;
        assert.ok(fs.existsSync(path.join(root, 'docs/recipes', link)), link);
      }
    });
  }
});
