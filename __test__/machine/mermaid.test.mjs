// The picture of a machine. Mermaid itself needs a browser and 150 MB, so a strict grammar of what we write stands here for
// it: a line of another form is a fault, and whatever Mermaid gives a meaning of its own must be written as an entity.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';

const { stateDiagram, readableDuration } = await bundle('lib/machine/mermaid.ts');
const { defineStates } = await bundle('lib/machine/definition.ts');

const draw = (config, current) => stateDiagram(defineStates({ id: 'm', ...config }), current);

const ID = '[A-Za-z]\\w*';
const TEXT = '(?:[\\p{L}\\p{M}\\p{N} _.,()+-]|#\\d+;)+';
/** The events of one arrow. */
const BREAK = '<br/>';
const LINES = {
  name: new RegExp(`^ {2}state "(${TEXT})" as (s\\d+)$`, 'u'),
  start: new RegExp(`^ {2}\\[\\*\\] --> (${ID})$`),
  end: new RegExp(`^ {2}(${ID}) --> \\[\\*\\]$`),
  way: new RegExp(`^ {2}(${ID}) --> (${ID}) : (${TEXT}(?:${BREAK}${TEXT})*)$`, 'u'),
  style: /^ {2}classDef current [a-z0-9:#,-]+$/,
  current: new RegExp(`^ {2}class (${ID}) current$`),
};
/** Where an identifier stands Mermaid would read these as something else. */
const WORDS =
  /^(state|stateDiagram|note|class|classDef|style|click|href|scale|default|root|root_start|root_end|end|accTitle|accDescr|toString|constructor|valueOf|hasOwnProperty|isPrototypeOf)$/i;

/** What a label shows; fails for what Mermaid would not take as text. */
function shown(text) {
  assert.doesNotMatch(text, /^ | $|direction\s/i);
  assert.doesNotMatch(text, /(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/u, 'Markdown');
  return text.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
}

/** The diagram as it is read: names, ways, ends. */
function read(diagram) {
  const [head, ...lines] = diagram.split('\n');
  assert.equal(head, 'stateDiagram-v2');
  assert.equal(lines.pop(), '', 'ends with a line break');
  const names = new Map();
  const parts = { start: [], end: [], way: [], current: [] };
  const named = (id) => {
    if (names.has(id)) return names.get(id);
    assert.doesNotMatch(id, WORDS);
    assert.doesNotMatch(id, /^s\d+$/i, 'a made-up identifier has a name');
    return id;
  };
  for (const line of lines) {
    const found = Object.entries(LINES).find(([, form]) => form.test(line));
    assert.ok(found, `not a line of a diagram: ${line}`);
    const [kind, form] = found;
    const [, first, second, third] = form.exec(line);
    if (kind === 'name') {
      assert.ok(!names.has(second));
      names.set(second, shown(first));
    } else if (kind === 'way') {
      for (const text of third.split(BREAK)) parts.way.push([named(first), named(second), shown(text)]);
    } else if (kind !== 'style') parts[kind].push(named(first));
  }
  return parts;
}

describe('a diagram', () => {
  it('shows the start, the events, the timers and the ends, in the order of the config', () => {
    const diagram = draw(
      {
        initial: 'requested',
        states: {
          requested: { on: { PROCESS: 'awaiting payment', CANCEL: 'cancelled' } },
          'awaiting payment': { on: { COMPLETE: 'completed' }, after: { 900000: 'cancelled' } },
          completed: { type: 'final' },
          cancelled: { type: 'final' },
        },
      },
      'awaiting payment',
    );
    assert.equal(
      diagram,
      `stateDiagram-v2
  state "awaiting payment" as s1
  [*] --> requested
  requested --> s1 : PROCESS
  requested --> cancelled : CANCEL
  s1 --> completed : COMPLETE
  s1 --> cancelled : after 15 min
  completed --> [*]
  cancelled --> [*]
  classDef current fill:#fde68a,stroke:#b45309,stroke-width:2px
  class s1 current
`,
    );
  });

  it('has one arrow for all transitions of a state to itself: of several Mermaid shows the last one only', () => {
    const on = { NOTE: 'a', GO: 'b', 'ADD: COST': 'a', 'A<br/>B': 'a' };
    const diagram = draw({ initial: 'a', states: { a: { on }, b: { on: { GO: 'b' } } } });
    assert.equal(
      diagram,
      `stateDiagram-v2
  [*] --> a
  a --> b : GO
  a --> a : NOTE<br/>ADD#58; COST<br/>A#60;br#47;#62;B
  b --> b : GO
`,
    );
  });

  it('sets nothing off without a current state', () => {
    const diagram = draw({ initial: 'a', states: { a: {} } });
    assert.equal(diagram, 'stateDiagram-v2\n  [*] --> a\n');
  });

  it('writes what Mermaid would read as syntax so that it reads it as text', () => {
    const names = {
      'a"b': 'a#34;b',
      'a:b;c': 'a#58;b#59;c',
      '<b>x</b>': '#60;b#62;x#60;#47;b#62;',
      'a#35;': 'a#35;35#59;',
      '💶 paid': '#128182; paid',
      日本語: '日本語',
      ' x ': '#32;x#32;',
      '%%{x}': '#37;#37;#123;x#125;',
      'go direction LR': 'go direction#32;LR',
      _it_: '#95;it#95;',
      A_B: 'A_B',
    };
    for (const [name, text] of Object.entries(names)) {
      const diagram = draw({ initial: 'a', states: { a: { on: { [name]: `${name}!` } }, [`${name}!`]: {} } });
      assert.ok(diagram.includes(`a --> s1 : ${text}\n`), diagram);
    }
  });

  it('never takes a name for one of its own words', () => {
    for (const name of [
      'state',
      'stateDiagram',
      'End',
      'classDef',
      's1',
      'S0',
      'toString',
      '__proto__',
      'accTitle',
      'root_start',
      'Root_End',
      'note',
      '5',
    ]) {
      const { start, way } = read(stateDiagram(defineStates({ id: 'm', initial: name, states: { [`${name}`]: {} } })));
      assert.deepEqual([start, way], [[name], []]);
    }
  });

  const name = fc
    .oneof(
      fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
      fc.string({ minLength: 1, maxLength: 20 }),
      fc.constantFrom('state', 'note', 'end', 's0', 'S1', 'direction TB', '[*]', '-->', '%%', 'a--b', ':::x', 'click'),
    )
    .filter((text) => !/^[.#]|[\p{Cc}\u2028\u2029]|\.\*$|^\*$|^xstate\./u.test(text) && text.length <= 64);

  it('says the same as the definition, whatever the names are', () => {
    const machines = fc.record({
      states: fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
      events: fc.uniqueArray(name, { minLength: 8, maxLength: 8 }),
    });
    fc.assert(
      fc.property(machines, ({ states, events }) => {
        const nodes = states.map((state, index) => [
          state,
          { on: { [events[index]]: states[index + 1] ?? states[0], [events[6]]: state, [events[7]]: state } },
        ]);
        const config = { id: 'm', initial: states[0], states: Object.fromEntries(nodes) };
        const { start, way, current, end } = read(stateDiagram(defineStates(config), states.at(-1)));
        assert.deepEqual([start, current, end], [[states[0]], [states.at(-1)], []]);
        const expected = nodes.flatMap(([from, { on }]) => Object.entries(on).map(([event, to]) => [from, to, event]));
        assert.deepEqual(way.toSorted(), expected.toSorted());
      }),
      { numRuns: 1_000 },
    );
  });
});

it('durations are written in the largest units that fit', () => {
  const durations = { 1: '1 ms', 1500: '1 s 500 ms', 90000: '1 min 30 s', 3600000: '1 h', 86400000: '1 day' };
  durations[2 * 86_400_000 + 1] = '2 days 1 ms';
  durations[315_360_000_000] = '3650 days';
  for (const [ms, text] of Object.entries(durations)) assert.equal(readableDuration(Number(ms)), text);
});
