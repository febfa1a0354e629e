// `node scripts/embed.mjs`: puts the code of the recipes into their pages. A page names a file and a region of it,
//   <!-- embed stripe/pay.ts pay -->
// and the block of code that follows is that region. A test compares the two.
import fs from 'node:fs';
import path from 'node:path';
import { isMain, main, root } from './step.mjs';

const PAGES = path.join(root, 'docs/recipes');
const CODE = path.join(root, '__test__/fixtures/recipes');
const EMBEDDED = /(<!-- embed (\S+) (\S+) -->\n)(?:```\w+\n[\s\S]*?\n```\n)?/g;

/** What stands between `#region name` and `#endregion`. */
function regionOf(file, name) {
  const text = fs.readFileSync(path.join(CODE, file), 'utf8');
  const region = text.split(new RegExp(`^// #region ${name}\\n`, 'm'))[1]?.split(/^\/\/ #endregion/m)[0];
  if (region === undefined) throw new Error(`${file} has no region '${name}'`);
  return region.trimEnd();
}

/** The pages, by name: as they are, and with the code as it is now. */
export function recipePages() {
  return fs.readdirSync(PAGES).map((name) => {
    const text = fs.readFileSync(path.join(PAGES, name), 'utf8');
    const embedded = text.replaceAll(EMBEDDED, (_, line, file, region) => {
      const language = path.extname(file).slice(1);
      return `${line}\`\`\`${language}\n${regionOf(file, region)}\n\`\`\`\n`;
    });
    return { name, text, embedded };
  });
}

if (isMain(import.meta.url)) {
  await main(() => {
    for (const { name, embedded } of recipePages()) fs.writeFileSync(path.join(PAGES, name), embedded);
  });
}
