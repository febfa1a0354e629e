// What a state machine's config may be, what it is compiled to, and where each refusal points.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createMachine, getInitialSnapshot, transition } from 'xstate';
import { bundle } from '../support/bundle.mjs';
import '../support/unhandled.mjs';

const { defineStates, allowed } = await bundle('lib/machine/definition.ts');
const { canReach } = await bundle('lib/machine/graph.ts');

const machine = (states, more = {}) => ({ id: 'm', initial: 'a', states, ...more });
/** One event from a to b, as `transition` has it. */
const leads = (transition, a = {}) => machine({ a: { on: { GO: transition }, ...a }, b: {} });

/** The edges by name: `a GO b`. */
function ways({ states, events }) {
  const name = (index) => states[index].name;
  return events.flatMap(({ name: event, edges }) => edges.map(({ from, to }) => `${name(from)} ${event} ${name(to)}`));
}

describe('a definition', () => {
  it('names states and events by index, in the order of the config', () => {
    const config = {
      id: 'payment',
      initial: 'requested',
      states: {
        requested: { on: { PROCESS: 'processing', CANCEL: 'cancelled' } },
        processing: { on: { COMPLETE: 'completed', FAIL: 'failed' }, after: { 900000: 'failed' } },
        completed: { type: 'final' },
        cancelled: { type: 'final' },
        failed: { on: { RETRY: 'processing', CANCEL: 'cancelled' } },
      },
    };
    const edge = (from, to) => ({ from, to });
    const definition = defineStates(config);
    assert.deepEqual(definition, {
      id: 'payment',
      initial: 0,
      states: [
        { name: 'requested', final: false, after: null },
        { name: 'processing', final: false, after: { ms: 900_000, to: 4 } },
        { name: 'completed', final: true, after: null },
        { name: 'cancelled', final: true, after: null },
        { name: 'failed', final: false, after: null },
      ],
      events: [
        { name: 'PROCESS', edges: [edge(0, 1)] },
        { name: 'CANCEL', edges: [edge(0, 3), edge(4, 3)] },
        { name: 'COMPLETE', edges: [edge(1, 2)] },
        { name: 'FAIL', edges: [edge(1, 4)] },
        { name: 'RETRY', edges: [edge(4, 1)] },
      ],
    });
    assert.deepEqual(
      [0, 1, 2, 4].map((state) => allowed(definition, state)),
      [['PROCESS', 'CANCEL'], ['COMPLETE', 'FAIL'], [], ['CANCEL', 'RETRY']],
    );
  });

  it('knows which states an instance may still come to, by events and timers', () => {
    const definition = defineStates(
      machine({ a: { after: { 5: 'b' } }, b: { on: { GO: 'c', BACK: 'a' } }, c: { on: { AGAIN: 'c' } } }),
    );
    const matrix = [0, 1, 2].map((from) => [0, 1, 2].map((to) => canReach(definition, from, new Set([to]))));
    assert.deepEqual(matrix, [
      [true, true, true],
      [true, true, true],
      [false, false, true],
    ]);
    assert.equal(canReach(definition, 2, new Set([0, 1])), false);
    assert.equal(canReach(definition, 2, new Set([0, 2])), true);
    assert.equal(canReach(definition, 0, new Set()), false);
  });

  it('has a transition to the same state, with a timer only where XState starts that anew as well', () => {
    const edges = (config) => defineStates(config).events[0].edges;
    assert.deepEqual(edges(machine({ a: { on: { GO: 'a' } } })), [{ from: 0, to: 0 }]);
    const timed = (transition) => machine({ a: { on: { GO: transition }, after: { 5: 'b' } }, b: {} });
    assert.deepEqual(edges(timed({ target: 'a', reenter: true })), [{ from: 0, to: 0 }]);
    assert.throws(() => defineStates(timed('a')), /states\.a\.on\.GO: .*reenter: true/);
  });
});

const states = (count) => Object.fromEntries(Array.from({ length: count }, (_, n) => [n === 0 ? 'a' : `s${n}`, {}]));
const events = (count) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`E${n}`, 'a']));
const TEN_YEARS_MS = 315_360_000_000;

describe('a target', () => {
  it('may have its dots escaped, as XState wants it, or be the name as it is', () => {
    const on = { ESCAPED: 'v1\\.2', PLAIN: 'v1.2', BY_ID: '#m\\.1.v1\\.2', PLAIN_BY_ID: '#m.1.v1.2', SLASH: 'a\\b' };
    const definition = defineStates(machine({ a: { on }, 'v1.2': {}, 'a\\b': {} }, { id: 'm.1' }));
    assert.deepEqual(ways(definition), [
      'a ESCAPED v1.2',
      'a PLAIN v1.2',
      'a BY_ID v1.2',
      'a PLAIN_BY_ID v1.2',
      'a SLASH a\\b',
    ]);
  });
});

describe('a config is accepted', () => {
  for (const [what, config] of Object.entries({
    'with nothing but a state': machine({ a: {} }),
    'with every form of a transition': machine({
      a: { on: { A: 'b', B: { target: 'b' }, C: ['b'], D: [{ target: 'b' }], E: '#m.b' } },
      b: {},
    }),
    'with empty lists and objects where something else is not supported': machine(
      {
        a: { on: { GO: { target: 'b', actions: [], guard: undefined } }, entry: [], exit: [], invoke: [], always: [] },
        b: { type: 'final', on: {}, after: {}, states: {}, onDone: [] },
      },
      { context: {}, on: {}, after: {}, entry: [], exit: [], invoke: {}, always: [] },
    ),
    'with descriptions, meta, tags, types and a version': machine(
      { a: { type: 'atomic', description: 'd', meta: { x: 1 }, tags: ['t'], on: { GO: { target: 'a', meta: {} } } } },
      { description: 'd', version: '1', meta: {}, tags: ['t'], types: { context: 5 }, type: 'compound' },
    ),
    frozen: Object.freeze(machine(Object.freeze({ a: Object.freeze({ on: Object.freeze({ GO: 'a' }) }) }))),
    'without a prototype': Object.assign(Object.create(null), machine({ a: {} })),
    'as Stately Studio exports it': JSON.parse(
      fs.readFileSync(new URL('../fixtures/machines/stately-export.json', import.meta.url), 'utf8'),
    ),
    'with names in any language': machine({ a: { on: { 'bezahlt → ja': 'état 💶' } }, 'état 💶': {} }),
    'with names that objects inherit': JSON.parse(
      '{"id":"m","initial":"a","states":{"a":{"on":{"toString":"__proto__"}},"__proto__":{}}}',
    ),
    'with the shortest and the longest delay': machine({
      a: { after: { 1: 'b' } },
      b: { after: { [TEN_YEARS_MS]: 'c' } },
      c: {},
    }),
    'with names of 64 characters': machine(
      { a: { on: { ['E'.repeat(64)]: 'b'.repeat(64) } }, ['b'.repeat(64)]: {} },
      { id: 'i'.repeat(64) },
    ),
    'with 256 events': machine({ a: { on: events(256) } }),
    'with two final states': machine({ a: { on: { X: 'b', Y: 'c' } }, b: { type: 'final' }, c: { type: 'final' } }),
  })) {
    it(what, () => assert.equal(typeof defineStates(config).initial, 'number'));
  }
});

/** Path of the refusal, what it says, the config. */
const REFUSED = [
  ['config', /must be a plain object, not undefined/, undefined],
  ['config', /plain object, not null/, null],
  ['config', /plain object, not an array/, []],
  ['config', /plain object/, new Map()],
  ['config', /plain object/, createMachine({ id: 'm' })],
  ['id', /must be a string, not undefined/, machine({ a: {} }, { id: undefined })],
  ['id', /1 to 64 characters/, machine({ a: {} }, { id: '' })],
  ['id', /1 to 64 characters/, machine({ a: {} }, { id: 'x'.repeat(65) })],
  ['id', /must not have ':'/, machine({ a: {} }, { id: 'a:b' })],
  ['id', /control characters/, machine({ a: {} }, { id: 'a\nb' })],
  ['id', /well-formed/, machine({ a: {} }, { id: '\ud800' })],
  ['initial', /name of a state: a/, machine({ a: {} }, { initial: 'b' })],
  ['initial', /name of a state/, machine({ a: {} }, { initial: undefined })],
  ['initial', /name of a state/, machine({ a: {} }, { initial: 'toString' })],
  ['initial', /name of a state: none/, machine({})],
  ['states', /plain object, not undefined/, machine(undefined)],
  ['states', /plain object, not an array/, machine([{}])],
  ['states', /257 states, at most 256/, machine(states(257))],
  ['states', /257 events, at most 256/, machine({ a: { on: events(257) } })],
  ['states.a', /plain object, not "b"/, machine({ a: 'b' })],
  ['states[""]', /1 to 64 characters/, machine({ a: {}, '': {} })],
  [`states.${'x'.repeat(65)}`, /1 to 64 characters/, machine({ a: {}, ['x'.repeat(65)]: {} })],
  ['states[".a"]', /must not start with '\.'/, machine({ a: {}, '.a': {} })],
  ['states["#a"]', /must not start with '#'/, machine({ a: {}, '#a': {} })],
  ['states["a\\tb"]', /control characters/, machine({ a: {}, 'a\tb': {} })],
  ['states["a\u2028b"]', /control characters/, machine({ a: {}, 'a\u2028b': {} })],
  ['states["\\ud800"]', /well-formed/, machine({ a: {}, '\ud800': {} })],
  ['states.a.states', /nested/, machine({ a: { initial: undefined, states: { b: {} } } })],
  ['states.a.initial', /nested/, machine({ a: { initial: 'b' } })],
  ['states.a.type', /"parallel" states/, machine({ a: { type: 'parallel' } })],
  ['states.a.type', /"history" states/, machine({ a: { type: 'history' } })],
  ['states.a.type', /"compound" states/, machine({ a: { type: 'compound' } })],
  ['type', /one state at a time/, machine({ a: {} }, { type: 'parallel' })],
  ['states.a.history', /history/, machine({ a: { history: 'deep' } })],
  ...['entry', 'exit'].map((name) => [`states.a.${name}`, /actions/, machine({ a: { [name]: ['log'] } })]),
  ...['entry', 'exit'].map((name) => [name, /actions/, machine({ a: {} }, { [name]: () => {} })]),
  ['states.a.entry', /actions/, machine({ a: { entry: 'log' } })],
  ['states.a.invoke', /invocations/, machine({ a: { invoke: { src: 'charge' } } })],
  ['invoke', /invocations/, machine({ a: {} }, { invoke: [{ src: 'charge' }] })],
  ['states.a.always', /without an event/, machine({ a: { always: 'b' }, b: {} })],
  ['always', /without an event/, machine({ a: {} }, { always: [{ target: 'a' }] })],
  ['states.a.onDone', /nested/, machine({ a: { onDone: 'b' }, b: {} })],
  ['onDone', /nested/, machine({ a: {} }, { onDone: 'a' })],
  ['on', /belong to a state/, machine({ a: {} }, { on: { GO: '.a' } })],
  ['after', /belong to a state/, machine({ a: {} }, { after: { 5: '.a' } })],
  ['context', /must be empty/, machine({ a: {} }, { context: { cents: 5 } })],
  ['context', /must be empty/, machine({ a: {} }, { context: () => ({}) })],
  ['state', /is not known; .*states/, machine({ a: {} }, { state: {} })],
  ['states.a.onn', /is not known; .*on, after, type/, machine({ a: { onn: { GO: 'a' } } })],
  ['states.a.on', /plain object/, machine({ a: { on: [] } })],
  ['states.a.on[""]', /without an event/, machine({ a: { on: { '': 'a' } } })],
  ['states.a.on["*"]', /wildcards/, machine({ a: { on: { '*': 'a' } } })],
  ['states.a.on["pay.*"]', /wildcards/, machine({ a: { on: { 'pay.*': 'a' } } })],
  ['states.a.on["#GO"]', /must not start/, machine({ a: { on: { '#GO': 'a' } } })],
  ['states.a.on[".GO"]', /must not start/, machine({ a: { on: { '.GO': 'a' } } })],
  ['states.a.on["G\\nO"]', /control characters/, machine({ a: { on: { 'G\nO': 'a' } } })],
  [`states.a.on.${'E'.repeat(65)}`, /1 to 64/, machine({ a: { on: { ['E'.repeat(65)]: 'a' } } })],
  ['states.a.on.GO', /no state 'c'; there are a, b/, leads('c')],
  ['states.a.on.GO', /no state '\.b'/, leads('.b')],
  ['states.a.on.GO', /no state '#other\.b'/, leads('#other.b')],
  ['states.a.on.GO', /no state 'toString'/, leads('toString')],
  ['states.a.on.GO.target', /no state 'c'/, leads({ target: 'c' })],
  ['states.a.on.GO[0].target', /no state 'c'/, leads([{ target: 'c' }])],
  ['states.a.on.GO[0]', /no state 'c'/, leads(['c'])],
  ['states.a.on.GO', /no state '#m'/, leads('#m')],
  ['states.a.on["xstate.done.actor.pay"]', /XState's own/, machine({ a: { on: { 'xstate.done.actor.pay': 'a' } } })],
  ['states.a.on.GO', /no target/, leads({})],
  ['states.a.on.GO', /no target/, leads([])],
  ['states.a.on.GO', /plain object, not undefined/, leads(undefined)],
  ['states.a.on.GO[0]', /plain object, not an array/, leads([['b']])],
  ['states.a.on.GO.target', /name of a state, not an array/, leads({ target: ['b'] })],
  ['states.a.on.GO', /several transitions/, leads([{ target: 'b' }, { target: 'a' }])],
  ['states.a.on.GO.guard', /guards/, leads({ target: 'b', guard: 'isPaid' })],
  ['states.a.on.GO.cond', /guards/, leads({ target: 'b', cond: () => true })],
  ['states.a.on.GO[0].guard', /guards/, leads([{ target: 'b', guard: 'isPaid' }])],
  ['states.a.on.GO.actions', /actions/, leads({ target: 'b', actions: ['log'] })],
  ['states.a.on.GO.actions', /actions/, leads({ target: 'b', actions: { type: 'log' } })],
  ['states.a.on.GO.reenter', /boolean/, leads({ target: 'b', reenter: 1 })],
  ['states.a.on.GO', /starts anew.*reenter: true/, machine({ a: { on: { GO: 'a' }, after: { 5: 'b' } }, b: {} })],
  [
    'states.a.on.GO.target',
    /starts anew.*reenter: true/,
    machine({ a: { on: { GO: { target: 'a', reenter: false } }, after: { 5: 'b' } }, b: {} }),
  ],
  ['states.a.on.GO.targt', /is not known; .*target/, leads({ target: 'b', targt: 'b' })],
  ['states.a.after', /plain object/, machine({ a: { after: [{ delay: 5, target: 'a' }] } })],
  ...['soon', '0', '-5', '1.5', '05', '1e3', ' 5', 'Infinity', 'NaN', String(TEN_YEARS_MS + 1)].map((delay) => [
    /^[\w-]+$/.test(delay) ? `states.a.after.${delay}` : `states.a.after["${delay}"]`,
    /whole milliseconds.*named delays/,
    machine({ a: { after: { [delay]: 'b' } }, b: {} }),
  ]),
  ['states.a.after.9', /never fires.*after 5 ms/, machine({ a: { after: { 9: 'b', 5: 'b' } }, b: {} })],
  ['states.a.after.5', /no state 'c'/, machine({ a: { after: { 5: 'c' } } })],
  ['states.a.after.5.guard', /guards/, machine({ a: { after: { 5: { target: 'b', guard: 'x' } } }, b: {} })],
  ['states.a.after.5', /same state/, machine({ a: { after: { 5: 'a' } } })],
  ['states.a.after.5.target', /same state/, machine({ a: { after: { 5: { target: 'a', reenter: true } } } })],
  [
    'states.b.after',
    /forever: b → c → b/,
    machine({ a: { after: { 5: 'b' } }, b: { after: { 5: 'c' } }, c: { after: { 5: 'b' } } }),
  ],
  ['states.b.on', /final/, machine({ a: { on: { GO: 'b' } }, b: { type: 'final', on: { BACK: 'a' } } })],
  ['states.b.after', /final/, machine({ a: { on: { GO: 'b' } }, b: { type: 'final', after: { 5: 'a' } } })],
  ['states.b', /no way leads here from the initial state 'a'/, machine({ a: {}, b: { on: { GO: 'a' } } })],
];

describe('a config is refused', () => {
  for (const [path, reason, config] of REFUSED) {
    it(`at ${path}: ${reason.source}`, () => {
      assert.throws(
        () => defineStates(config),
        (error) => {
          assert.equal(error.code, 'ERR_INVALID_ARGUMENT');
          assert.ok(error.message.startsWith(`An argument cannot be used: ${path}: `), error.message);
          assert.match(error.message, reason);
          return true;
        },
      );
    });
  }
});

/** A flat config in which every state is reachable, in all the forms XState knows for one transition. */
const flatConfigs = fc
  .record({
    size: fc.integer({ min: 1, max: 6 }),
    picks: fc.array(fc.nat(), { minLength: 80, maxLength: 80 }),
  })
  .map(({ size, picks }) => {
    let next = 0;
    const pick = (count) => picks[next++ % picks.length] % count;
    const name = (index) => ['idle', 'paid out', 'état', 'v1.2', '5', 'toString'][index];
    // To XState a dot leads to a nested state.
    const targetOf = (index) => name(index).replace('.', '\\.');
    // XState 5.33 loses the target of a list of names in `after`; here it is what it says.
    const form = (target, forms = 5) => {
      const long = { target, reenter: [true, false, undefined][pick(3)], actions: [] };
      return [target, long, [long], `#m.${target}`, [target]][pick(forms)];
    };
    const nodes = Array.from({ length: size }, () => ({ on: {} }));
    for (let to = 1; to < size; to++) nodes[pick(to)].on[`TO_${to}`] = form(targetOf(to));
    for (const [index, node] of nodes.entries()) {
      if (index + 1 < size && pick(2) === 0) {
        node.after = { [1 + pick(1_000)]: form(targetOf(index + 1 + pick(size - index - 1)), 4) };
      }
    }
    for (let more = pick(8); more > 0; more--) {
      const from = pick(size);
      const to = pick(2) === 0 ? from : pick(size);
      const anew = from === to && nodes[from].after !== undefined;
      nodes[from].on[`E${pick(3)}`] = anew ? { target: targetOf(to), reenter: true } : form(targetOf(to));
    }
    for (const node of nodes) {
      if (Object.keys(node.on).length === 0 && node.after === undefined && pick(2) === 0) node.type = 'final';
    }
    return { id: 'm', initial: 'idle', states: Object.fromEntries(nodes.map((node, index) => [name(index), node])) };
  });

describe('to XState', () => {
  it('a flat config is the same machine: states, events and timers, started whenever a transition leads there', () => {
    let [compared, restarted] = [0, 0];
    fc.assert(
      fc.property(flatConfigs, (config) => {
        const ours = defineStates(config);
        const theirs = createMachine(config);
        assert.equal(getInitialSnapshot(theirs).value, ours.states[ours.initial].name);
        for (const [from, { name, after, final }] of ours.states.entries()) {
          const snapshot = theirs.resolveState({ value: name });
          assert.equal(theirs.states[name].type === 'final', final);
          for (const { name: event, edges } of ours.events) {
            const edge = edges.find((candidate) => candidate.from === from);
            const [moved, actions] = transition(theirs, snapshot, { type: event });
            assert.equal(moved.value, ours.states[edge?.to ?? from].name, `${name} ${event}`);
            assert.equal(snapshot.can({ type: event }), edge !== undefined);
            const starts = actions.some(({ type }) => type === 'xstate.raise');
            const timed = edge !== undefined && ours.states[edge.to].after !== null;
            assert.equal(starts, timed, `the timer after ${name} ${event}`);
            compared += 1;
            if (edge?.to === from && after !== null) restarted += 1;
          }
          const delays = theirs.states[name].after.map(({ delay }) => delay);
          assert.deepEqual(delays, after === null ? [] : [after.ms]);
          if (after === null) continue;
          const type = theirs.states[name].after[0].eventType;
          assert.equal(transition(theirs, snapshot, { type })[0].value, ours.states[after.to].name);
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(compared > 1_000 && restarted > 10, `${compared} ${restarted}`);
  });

  it('the exported fixture is the same machine', () => {
    const file = new URL('../fixtures/machines/stately-export.json', import.meta.url);
    const config = JSON.parse(fs.readFileSync(file, 'utf8'));
    const theirs = createMachine(config);
    const definition = defineStates(config);
    assert.deepEqual(ways(definition), ['Open APPROVE Paid out', 'Open REJECT Rejected']);
    for (const way of [
      ['APPROVE', 'Paid out'],
      ['REJECT', 'Rejected'],
    ]) {
      assert.equal(transition(theirs, getInitialSnapshot(theirs), { type: way[0] })[0].value, way[1]);
    }
    assert.deepEqual(definition.states[0].after, { ms: 86_400_000, to: 2 });
  });
});
