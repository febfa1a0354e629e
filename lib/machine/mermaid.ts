/** A machine as a Mermaid state diagram. Names may hold anything; Mermaid reads line by line, so they are escaped. */
import type { Definition } from './definition';

/**
 * A name of ASCII letters and digits stands for itself, unless it means something else to Mermaid: one of its own
 * words, or its name for the mark of a start or an end.
 */
const PLAIN = /^[A-Z](?:\w*[A-Z\d])?$/i;
const TAKEN =
  /^(?:s\d+|state|stateDiagram|note|class|classDef|style|click|href|scale|default|end|accTitle|accDescr|root(?:_start|_end)?)$/i;

/**
 * What is written as Mermaid's entity, `#58;` for a colon: every character that is not listed here. Of the listed ones,
 * also an underscore that Markdown would take for emphasis, an outer space, since labels are trimmed, and the space
 * that makes a line a `direction LR` wherever it stands.
 */
const ESCAPED = /[^\p{L}\p{M}\p{N} _.,()+-]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|^ | $|(?<=direction) /giu;

function isPlain(name: string): boolean {
  // Mermaid keeps states in objects that inherit: `toString` is there before any state is drawn.
  return PLAIN.test(name) && !TAKEN.test(name) && !(name in Object.prototype);
}

function text(name: string): string {
  return name.replace(ESCAPED, (character) => `#${character.codePointAt(0)};`);
}

const UNITS = [
  ['day', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** `1 min 30 s` */
export function readableDuration(durationMs: number): string {
  const parts: string[] = [];
  let rest = durationMs;
  for (const [unit, ms] of UNITS) {
    const count = Math.floor(rest / ms);
    rest -= count * ms;
    if (count > 0) parts.push(`${count} ${unit === 'day' && count > 1 ? 'days' : unit}`);
  }
  return parts.join(' ');
}

/** @param current the name of the state to highlight */
export function stateDiagram(definition: Definition, current?: string): string {
  const { states, events, initial } = definition;
  const id = (index: number) => {
    const name = states[index]?.name ?? '';
    return isPlain(name) ? name : `s${index}`;
  };
  const lines = states.flatMap(({ name }, index) => (isPlain(name) ? [] : [`state "${text(name)}" as ${id(index)}`]));
  lines.push(`[*] --> ${id(initial)}`);
  for (const [index, { after, final }] of states.entries()) {
    const again: string[] = [];
    for (const { name, edges } of events) {
      const to = edges.find(({ from }) => from === index)?.to;
      if (to === index) again.push(text(name));
      else if (to !== undefined) lines.push(`${id(index)} --> ${id(to)} : ${text(name)}`);
    }
    // One arrow stands for all: of several arrows from a state to itself, Mermaid shows only the last one's text.
    if (again.length > 0) lines.push(`${id(index)} --> ${id(index)} : ${again.join('<br/>')}`);
    if (after !== null) lines.push(`${id(index)} --> ${id(after.to)} : after ${readableDuration(after.ms)}`);
    if (final) lines.push(`${id(index)} --> [*]`);
  }
  const marked = states.findIndex(({ name }) => name === current);
  if (marked >= 0) {
    lines.push('classDef current fill:#fde68a,stroke:#b45309,stroke-width:2px', `class ${id(marked)} current`);
  }
  return ['stateDiagram-v2', ...lines.map((line) => `  ${line}`), ''].join('\n');
}
