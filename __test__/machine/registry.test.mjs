// One machine per id and process, however often its module is evaluated.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { createClient, defineStateMachine, stateMachine } from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';

const { register, machineOf, machinesOf } = await bundle('lib/machine/registry.ts');
const MACHINES = Symbol.for('actonce.state-machines');
const { NODE_ENV } = process.env;

beforeEach(() => delete globalThis[MACHINES]);
afterEach(() => {
  if (NODE_ENV === undefined) delete process.env.NODE_ENV;
  else process.env.NODE_ENV = NODE_ENV;
});

const definition = (id, more = {}) => JSON.stringify({ id, ...more });
const define = (id, more, client) => register(id, definition(id, more), client, () => ({ id, more }));
const noOther = () => assert.fail('made again');

it('an equal definition gives the machine that is there, and makes no other', () => {
  for (const environment of ['production', 'development']) {
    process.env.NODE_ENV = environment;
    const first = define(environment);
    assert.equal(register(environment, definition(environment), undefined, noOther), first);
  }
});

it('another copy of the module sees the same machines', async () => {
  const copy = await bundle('lib/machine/registry.ts');
  const payment = define('payment');
  assert.equal(copy.machineOf('payment'), payment);
  assert.equal(copy.register('payment', definition('payment'), undefined, noOther), payment);
});

it('in development a changed definition takes the place of the old one', () => {
  process.env.NODE_ENV = 'development';
  const old = define('payment');
  const edited = define('payment', { initial: 1 });
  assert.notEqual(edited, old);
  assert.equal(machineOf('payment'), edited);
  assert.deepEqual(machinesOf(undefined), [edited]);
});

it('in production a second definition of an id is refused, and the first one stays', () => {
  process.env.NODE_ENV = 'production';
  const first = define('payment');
  assert.throws(() => define('payment', { initial: 1 }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /^An argument cannot be used: id: .*'payment' is defined twice, differently/,
  });
  assert.equal(machineOf('payment'), first);
});

it('a machine that could not be made is not remembered', () => {
  const broken = () => {
    throw new Error('no client');
  };
  assert.throws(() => register('payment', definition('payment'), undefined, broken), /no client/);
  assert.deepEqual(machinesOf(undefined), []);
});

it('an unknown id is refused with the ids there are', () => {
  const refused = (message) => ({ code: 'ERR_INVALID_ARGUMENT', message });
  assert.throws(
    () => machineOf('payment'),
    refused(/the state machine 'payment' is not defined in this process \(none is\)/),
  );
  define('order');
  define('refund');
  assert.throws(() => machineOf('payment'), refused(/these are: 'order', 'refund'/));
  assert.throws(() => machineOf('toString'), refused(/the state machine 'toString' is not defined/));
});

it('the machines of a client are listed in the order of their definition', () => {
  const machines = ['b', 'a', '1'].map((id) => define(id));
  assert.deepEqual(machinesOf(undefined), machines);
});

it('an equal definition with another client is a machine of its own; the id names the one without a client, else the newest', () => {
  process.env.NODE_ENV = 'production';
  const [one, other] = [{}, {}];
  const first = define('payment', {}, one);
  const second = define('payment', {}, other);
  assert.equal(machineOf('payment'), second);
  const behind = define('payment', {});
  const newest = define('payment', {}, {});
  assert.equal(new Set([first, second, behind, newest]).size, 4);
  assert.equal(register('payment', definition('payment'), other, noOther), second);
  assert.deepEqual([one, other, undefined, {}].map(machinesOf), [[first], [second], [behind], []]);
  assert.equal(machineOf('payment'), behind);
});

const door = (more) => ({
  id: 'door',
  initial: 'open',
  states: { open: { on: { CLOSE: 'shut' } }, shut: {} },
  ...more,
});

it('a config that says the same in other words is an equal definition', () => {
  process.env.NODE_ENV = 'production';
  const machine = defineStateMachine(door());
  const close = { target: '#door.shut', actions: [], description: 'gently' };
  const states = { open: { on: { CLOSE: [close] }, tags: ['x'] }, shut: { type: 'atomic', entry: [] } };
  const defaults = { historyLimit: 50, retentionMs: 2_592_000_000, client: undefined };
  assert.equal(defineStateMachine(door({ states, version: '2' }), defaults), machine);
});

it('whatever would be another machine in Redis is another definition', () => {
  process.env.NODE_ENV = 'production';
  const machine = defineStateMachine(door());
  const closes = { open: { on: { CLOSE: 'shut' } } };
  for (const [config, options] of [
    [door({ states: { open: { on: { SLAM: 'shut' } }, shut: {} } })],
    [door({ states: { ...closes, shut: { type: 'final' } } })],
    [door({ states: { ...closes, shut: { on: { OPEN: 'open' } } } })],
    [door({ states: { ...closes, shut: { after: { 5: 'open' } } } })],
    [door({ states: { shut: {}, ...closes } })],
    [door({ initial: 'shut', states: { open: {}, shut: { on: { OPEN: 'open' } } } })],
    [door(), { retentionMs: 1_000 }],
    [door(), { historyLimit: 51 }],
  ]) {
    assert.throws(() => defineStateMachine(config, options), /'door' is defined twice, differently/);
    assert.equal(stateMachine('door'), machine);
  }
});

it('a config or an option that is refused defines nothing', (t) => {
  assert.throws(() => defineStateMachine(door({ initial: 'ajar' })), /: initial: /);
  const refused = {
    client: [null, {}, 'memory:'],
    retentionMs: [0, -1, 1.5, 315_360_000_001, '5', null],
    historyLimit: [0, 1_001, 1.5, '5', null],
    retentionMS: [5],
  };
  for (const [name, values] of Object.entries(refused)) {
    for (const value of values) {
      const refusal = { code: 'ERR_INVALID_ARGUMENT', message: new RegExp(`option ${name} `) };
      assert.throws(() => defineStateMachine(door(), { [name]: value }), refusal, `${name}: ${String(value)}`);
    }
  }
  assert.throws(() => defineStateMachine(door(), null), /options must be an object/);
  assert.throws(() => stateMachine('door'), /none is/);

  // Nothing listens there: defining connects nothing.
  const client = createClient({ url: 'redis://127.0.0.1:1' });
  t.after(() => client.close());
  const machine = defineStateMachine(door(), { client, retentionMs: 315_360_000_000, historyLimit: 1_000 });
  assert.equal(stateMachine('door'), machine);
});
