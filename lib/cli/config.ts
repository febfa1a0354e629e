/** Wraps what a next.config exports in `withActonce()`, where the text has a shape that is known. */

const IMPORT = "import { withActonce } from 'actonce/next';\n";
const REQUIRE = "const { withActonce } = require('actonce/next');\n";

export const NEW_CONFIG = `${IMPORT}\nexport default withActonce({});\n`;

/** What to write by hand where the text has another shape. */
export const BY_HAND = `${IMPORT}export default withActonce(/* your configuration */);`;

/** A name, or an object whose lines are indented, at the end of its line. */
const VALUE = String.raw`([A-Za-z_$][\w$]*|\{\}|\{\n(?:[ \t].*\n|\n)*\});?[ \t]*$`;
const EXPORTED = new RegExp(`^export default ${VALUE}`, 'm');
const ASSIGNED = new RegExp(`^module\\.exports = ${VALUE}`, 'm');

/** @returns the new text; the same text if it is wrapped already; undefined if its shape is not known */
export function wrapped(text: string): string | undefined {
  if (text.includes('withActonce')) return text;
  const lines = text.replaceAll('\r\n', '\n');
  const gap = lines.startsWith('import ') ? '' : '\n';
  if (EXPORTED.test(lines)) return IMPORT + gap + lines.replace(EXPORTED, 'export default withActonce($1);');
  if (ASSIGNED.test(lines)) return REQUIRE + gap + lines.replace(ASSIGNED, 'module.exports = withActonce($1);');
  return undefined;
}
