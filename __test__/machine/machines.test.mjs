// State machines: an instance moves along the transitions that were defined, and no other way; on every store.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createClient, defineStateMachine, isActonceError, stateMachine } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { paymentConfig } from '../support/payment.mjs';

const { onEachStore } = conformance(createClient);
const payment = (client, options = {}) => defineStateMachine(paymentConfig, { client, ...options });
const refusal = (promise) =>
  promise.then(
    () => assert.fail('it was not refused'),
    (error) => error,
  );

onEachStore(
  'a payment goes forward, and PROCESS is refused while it is processing and when it is completed',
  async (world) => {
    const machine = payment(world.client());
    const created = await machine.create('o-1', { data: { cents: 1250 } });
    assert.deepEqual(
      [created.created, created.state, created.version, created.data],
      [true, 'requested', 1, { cents: 1250 }],
    );
    const moved = await machine.send('o-1', 'PROCESS');
    const { from, state, version, data, replayed } = moved;
    assert.deepEqual(
      { from, state, version, data, replayed },
      {
        from: 'requested',
        state: 'processing',
        version: 2,
        data: { cents: 1250 },
        replayed: false,
      },
    );
    assert.ok(moved.timeoutInMs > 890_000 && moved.timeoutInMs <= 900_000);
    const busy = await refusal(machine.send('o-1', 'PROCESS'));
    assert.ok(isActonceError(busy, 'ERR_INVALID_TRANSITION'));
    const { machine: of, id, event, allowed, retryable } = busy;
    assert.deepEqual(
      { of, id, from: busy.from, event, allowed, version: busy.version, retryable },
      {
        of: 'payment',
        id: 'o-1',
        from: 'processing',
        event: 'PROCESS',
        allowed: ['COMPLETE', 'FAIL'],
        version: 2,
        retryable: false,
      },
    );
    await machine.send('o-1', 'COMPLETE');
    const done = await refusal(machine.send('o-1', 'PROCESS'));
    // S74 a final state refuses everything, and says that nothing leads on.
    assert.deepEqual([done.from, done.allowed, done.version], ['completed', [], 3]);
    assert.match(done.message, /nothing leads on/);
  },
);

onEachStore('of a hundred at once one moves it, from two clients', async (world) => {
  const machines = [payment(world.client()), payment(world.client())];
  await machines[0].create('o-1');
  const sent = Array.from({ length: 100 }, (_, n) => machines[n % 2].send('o-1', 'PROCESS'));
  const ended = await Promise.allSettled(sent);
  assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const { reason } of ended.filter(({ status }) => status === 'rejected')) {
    assert.equal(reason.code, 'ERR_INVALID_TRANSITION');
  }
  assert.equal((await machines[1].history('o-1')).length, 2);
});

onEachStore(
  'S71 the same idempotency key gets the first result, with the data of then; for another event it is refused',
  async (world) => {
    const machine = payment(world.client());
    const first = await machine.send('o-1', 'PROCESS', { create: true, idempotencyKey: 'k', data: 'one' });
    assert.equal(first.replayed, false);
    const again = () => machine.send('o-1', 'PROCESS', { idempotencyKey: 'k', data: 'other' });
    const { timeoutInMs: _, ...result } = await again();
    const { timeoutInMs: __, ...expected } = first;
    assert.deepEqual(result, { ...expected, replayed: true });
    await machine.send('o-1', 'COMPLETE', { data: 'two' });
    const late = await again();
    assert.deepEqual([late.state, late.version, late.data, late.timeoutInMs], ['processing', 2, 'one', undefined]);
    assert.equal((await machine.get('o-1')).data, 'two');
    const reused = await refusal(machine.send('o-1', 'FAIL', { idempotencyKey: 'k' }));
    assert.equal(reused.code, 'ERR_KEY_REUSED');
  },
);

onEachStore('an expected version has to be the version there is', async (world) => {
  const machine = payment(world.client());
  const { version } = await machine.create('o-1');
  const conflict = await refusal(machine.send('o-1', 'PROCESS', { expectedVersion: version + 1 }));
  assert.deepEqual(
    [conflict.code, conflict.expected, conflict.version, conflict.state],
    ['ERR_VERSION_CONFLICT', 2, 1, 'requested'],
  );
  assert.equal((await machine.send('o-1', 'PROCESS', { expectedVersion: version })).version, 2);
});

onEachStore('an absent instance is not found, and is made by the way only by an event that leads on', async (world) => {
  const machine = payment(world.client());
  assert.equal(await machine.get('o-1'), undefined);
  assert.deepEqual(await machine.history('o-1'), []);
  for (const asked of [machine.send('o-1', 'PROCESS'), machine.waitFor('o-1', 'completed')]) {
    assert.equal((await refusal(asked)).code, 'ERR_NOT_FOUND');
  }
  const refused = await refusal(machine.send('o-1', 'COMPLETE', { create: true }));
  assert.deepEqual([refused.code, refused.from, refused.version], ['ERR_INVALID_TRANSITION', 'requested', 0]);
  assert.equal(await machine.get('o-1'), undefined);
  assert.equal((await machine.send('o-1', 'PROCESS', { create: true })).version, 2);
  const { created, version } = await machine.create('o-1', { data: 'late' });
  assert.deepEqual([created, version], [false, 2]);
});

onEachStore(
  'data comes back as it was given, is replaced in the same step, and stays when none is given',
  async (world) => {
    const machine = payment(world.client());
    const data = { at: new Date(0), lines: new Map([['tea', 2n]]), note: 'grün\n\0', none: undefined };
    await machine.create('o-1', { data });
    assert.deepEqual((await machine.get('o-1')).data, data);
    assert.deepEqual((await machine.send('o-1', 'PROCESS')).data, data);
    assert.equal((await machine.send('o-1', 'FAIL', { data: null })).data, null);
    assert.equal((await machine.get('o-1')).data, null);
  },
);

onEachStore(
  'S73 the history tells what happened in order, with what the events said, and keeps the newest',
  async (world) => {
    const machine = defineStateMachine({ ...paymentConfig, id: 'short' }, { client: world.client(), historyLimit: 3 });
    const before = Date.now();
    await machine.create('o-1');
    await machine.send('o-1', { type: 'PROCESS', by: 'clerk', at: new Date(5) });
    const [created, processed] = await machine.history('o-1');
    assert.deepEqual({ ...created, at: 0 }, { type: 'created', version: 1, at: 0, state: 'requested' });
    assert.deepEqual(
      { ...processed, at: 0 },
      {
        type: 'event',
        version: 2,
        at: 0,
        state: 'processing',
        event: 'PROCESS',
        payload: { by: 'clerk', at: new Date(5) },
        from: 'requested',
      },
    );
    assert.ok(created.at >= before - 1_000 && created.at <= processed.at && processed.at <= Date.now() + 1_000);
    for (const event of ['FAIL', 'RETRY', 'COMPLETE']) await machine.send('o-1', event);
    const history = await machine.history('o-1');
    assert.deepEqual(
      history.map(({ event, version }) => [event, version]),
      [
        ['FAIL', 3],
        ['RETRY', 4],
        ['COMPLETE', 5],
      ],
    );
  },
);

onEachStore('ids are hostile and stay apart: braces, colons, control characters, other machines', async (world) => {
  const client = world.client();
  const [one, other] = [payment(client), defineStateMachine({ ...paymentConfig, id: 'pay' }, { client })];
  const ids = ['a', 'a:b', '{x}', '}{', 'line\nfeed\0', 'ü'.repeat(127), 'ment:a'];
  for (const [n, id] of ids.entries()) await one.create(id, { data: n });
  await other.create('a', { data: 'other' });
  for (const [n, id] of ids.entries()) assert.equal((await one.get(id)).data, n);
  assert.equal((await other.get('a')).data, 'other');
});

onEachStore('random walks end where the definition says, and what it forbids changes nothing', async (world) => {
  const machine = payment(world.client());
  let instance = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...machine.events), { maxLength: 12 }), async (walk) => {
      const id = `walk-${instance++}`;
      let [state, version] = ['requested', 1];
      await machine.create(id);
      for (const event of walk) {
        const target = paymentConfig.states[state].on?.[event];
        const outcome = await machine.send(id, event).catch((error) => error);
        if (target === undefined) {
          assert.deepEqual([outcome.code, outcome.from, outcome.version], ['ERR_INVALID_TRANSITION', state, version]);
          assert.deepEqual(outcome.allowed, machine.allowed(state));
        } else {
          [state, version] = [target, version + 1];
          assert.deepEqual([outcome.state, outcome.version], [state, version]);
        }
      }
      assert.deepEqual((await machine.get(id)).state, state);
    }),
    { numRuns: 30 },
  );
});

onEachStore('what cannot be used is refused with a reason, and nothing is sent', async (world) => {
  const machine = payment(world.client());
  const tooLarge = 'x'.repeat(300_000);
  const cases = [
    [() => machine.send('o-1', 'PROCES'), /the event "PROCES" is not one of 'payment': PROCESS, CANCEL/],
    [() => machine.send('o-1', undefined), /the event undefined/],
    [() => machine.send('o-1', { type: 'toString' }), /the event "toString"/],
    [() => machine.send('', 'PROCESS'), /the id of an instance/],
    [() => machine.send('x'.repeat(256), 'PROCESS'), /the id of an instance/],
    [() => machine.send(7, 'PROCESS'), /the id of an instance/],
    [() => machine.send('o-1', 'PROCESS', { idempotencyKey: '' }), /idempotencyKey/],
    [() => machine.send('o-1', 'PROCESS', { expectedVersion: 1.5 }), /expectedVersion/],
    [() => machine.send('o-1', 'PROCESS', { create: 'yes' }), /create/],
    [() => machine.send('o-1', 'PROCESS', { crate: true }), /crate is not known/],
    [() => machine.create('o-1', { data: () => {} }), /data is a function/],
    [() => machine.create('o-1', { data: { a: [Symbol('s')] } }), /data\.a\[0\] is a symbol/],
    [() => machine.create('o-1', { data: tooLarge }), /data is larger than 262144 bytes/],
    [() => machine.send('o-1', { type: 'PROCESS', why: tooLarge }), /the event is larger/],
    [() => machine.waitFor('o-1', 'paid'), /the state "paid"/],
    [() => machine.waitFor('o-1', 'completed', { timeoutMs: 0 }), /timeoutMs/],
    [() => machine.during('o-1', { event: 'PROCESS' }, () => 1), /onDone is missing/],
    [() => machine.during('o-1', { event: 'PROCESS', onDone: 'DONE' }, () => 1), /the event 'DONE'/],
    [() => machine.during('o-1', { event: 'PROCESS', onDone: 'COMPLETE' }), /fn must be a function/],
  ];
  for (const [call, reason] of cases) {
    const error = await refusal(call());
    assert.equal(error.code, 'ERR_INVALID_ARGUMENT', String(call));
    assert.match(error.message, reason);
  }
  assert.equal(await machine.get('o-1'), undefined);
});

onEachStore('an instance whose state is gone from the config is left as it is and named', async (world) => {
  const client = world.client();
  const older = defineStateMachine(
    {
      id: 'refund',
      initial: 'asked',
      states: { asked: { on: { CHECK: 'checking' } }, checking: { on: { PAY: 'paid' } }, paid: { type: 'final' } },
    },
    { client },
  );
  await older.send('r-1', 'CHECK', { create: true, data: 1 });
  const newer = defineStateMachine(
    {
      id: 'refund',
      initial: 'asked',
      states: { asked: { on: { PAY: 'paid', CHECK: 'paid' } }, paid: { type: 'final' } },
    },
    { client },
  );
  for (const asked of [newer.get('r-1'), newer.send('r-1', 'PAY'), newer.waitFor('r-1', 'paid')]) {
    const error = await refusal(asked);
    assert.deepEqual(
      [error.code, error.machine, error.id, error.state],
      ['ERR_UNKNOWN_STATE', 'refund', 'r-1', 'checking'],
    );
    assert.match(error.message, /states\.checking/);
  }
  const { state, version, data } = await older.get('r-1');
  assert.deepEqual([state, version, data], ['checking', 2, 1]);
});

onEachStore('a closed client refuses, and answers whoever waits', async (world) => {
  const client = world.client();
  const machine = payment(client);
  await machine.create('o-1');
  const waiting = refusal(machine.waitFor('o-1', 'completed'));
  await client.close({ graceMs: 0 });
  assert.equal((await waiting).code, 'ERR_CLOSED');
  assert.equal((await refusal(machine.send('o-1', 'PROCESS'))).code, 'ERR_CLOSED');
});

it('a client that is not ours cannot keep instances, and says so', async () => {
  const stranger = { withIdempotency: () => {} };
  const machine = defineStateMachine({ ...paymentConfig, id: 'strange' }, { client: stranger });
  for (const asked of [machine.send('o-1', 'PROCESS'), machine.get('o-1'), machine.waitFor('o-1', 'failed')]) {
    assert.match((await refusal(asked)).message, /was not made by createClient/);
  }
});

describe('a machine by its id', () => {
  it('is found when it is defined in this process, else those that are are named', () => {
    const machine = defineStateMachine({ ...paymentConfig, id: 'found' });
    assert.equal(stateMachine('found'), machine);
    assert.throws(() => stateMachine('lost'), { code: 'ERR_INVALID_ARGUMENT', message: /'lost'.*'found'/ });
  });

  it('tells its states, its events and what is allowed where', () => {
    const machine = defineStateMachine({ ...paymentConfig, id: 'told' });
    assert.deepEqual(machine.states, ['requested', 'processing', 'completed', 'cancelled', 'failed']);
    assert.deepEqual(machine.events, ['PROCESS', 'CANCEL', 'COMPLETE', 'FAIL', 'RETRY']);
    assert.equal(machine.initial, 'requested');
    assert.deepEqual(machine.allowed('processing'), ['COMPLETE', 'FAIL']);
    assert.deepEqual([machine.isFinal('completed'), machine.isFinal('failed')], [true, false]);
    assert.throws(() => machine.allowed('paid'), { code: 'ERR_INVALID_ARGUMENT' });
  });
});
