// What the types of machine.d.ts infer, allow and refuse. Compiled by `tsc --noEmit`, never run.
import {
  defineStateMachine,
  type HistoryEntry,
  isActonceError,
  type StateMachine,
  type StateMachineConfig,
  stateMachine,
  withIdempotency,
} from '../../index';

import exported = require('../fixtures/machines/stately-export.json');

/** Compiles only when the type of the argument is exactly `Expected`. */
declare function is<Expected>(): <Given>(
  value: Given,
  ...fits: [Given, Expected] extends [Expected, Given] ? [] : [never]
) => void;

type Payment = { cents: number };
type State = 'requested' | 'processing' | 'completed' | 'cancelled' | 'failed';
type Event = 'PROCESS' | 'CANCEL' | 'COMPLETE' | 'FAIL' | 'RETRY';

const payment = defineStateMachine({
  id: 'payment',
  initial: 'requested',
  types: {} as { context: Payment },
  states: {
    requested: { on: { PROCESS: 'processing', CANCEL: { target: '#payment.cancelled', actions: [] } } },
    processing: { on: { COMPLETE: ['completed'], FAIL: 'failed' }, after: { 900000: 'failed' }, entry: [] },
    completed: { type: 'final' },
    cancelled: { type: 'final', meta: { color: 'grey' } },
    failed: { on: { RETRY: [{ target: 'processing', reenter: true }] } },
  },
});

export async function infers(): Promise<void> {
  is<StateMachine<State, Event, Payment>>()(payment);
  const moved = await payment.send('7', 'PROCESS', { data: { cents: 5 }, expectedVersion: 1, create: true });
  is<State>()(moved.from);
  is<number | undefined>()(moved.data?.cents);
  await payment.send('7', { type: 'COMPLETE', by: 'webhook' });
  await payment.waitFor('7', ['completed', 'failed'], { timeoutMs: 5 });
  is<boolean>()((await payment.create('7', { data: { cents: 5 } })).created);
  is<Event[]>()(payment.allowed('requested'));
  const told = (entry: HistoryEntry<State, Event>) => {
    if (entry.type === 'event') is<Event>()(entry.event);
    return entry.type === 'after' ? is<number>()(entry.afterMs) : is<Date>()(entry.at);
  };
  (await payment.history('7')).map(told);
  const charge = await payment.during(
    '7',
    { event: 'PROCESS', onDone: 'COMPLETE', onError: (error: unknown) => ({ event: 'FAIL', data: error as Payment }) },
    async (instance, ctx) => ({ state: instance.state, key: ctx.deriveKey('charge') }),
  );
  is<{ state: State; key: string }>()(charge);
  const cents = await payment.during(
    '7',
    { event: 'PROCESS', onDone: (value: number) => ({ event: 'COMPLETE', data: { cents: value } }) },
    async (instance) => instance.version,
  );
  is<number>()(cents);
}

export async function infersInActions(): Promise<void> {
  await withIdempotency('k', async (ctx) => {
    is<State>()((await ctx.transition(payment, '7', 'PROCESS', { data: { cents: 5 } })).state);
    is<string>()((await ctx.transition('payment', '7', { type: 'PROCESS', by: 5 })).state);
    // @ts-expect-error no such event
    await ctx.transition(payment, '7', 'PROCES');
    // @ts-expect-error other data
    await ctx.transition(payment, '7', 'PROCESS', { data: { euros: 5 } });
  });
}

export function takesOtherConfigs(config: StateMachineConfig): void {
  is<StateMachine<string, string, unknown>>()(defineStateMachine(config));
  // The names in an imported file are known, the values are only strings.
  const refund = defineStateMachine(exported, { historyLimit: 5, retentionMs: 1_000 });
  is<StateMachine<'Open' | 'Paid out' | 'Rejected', 'APPROVE' | 'REJECT', unknown>>()(refund);
  const literal = { id: 'door', initial: 'open', states: { open: { on: { CLOSE: 'shut' } }, shut: {} } } as const;
  is<StateMachine<'open' | 'shut', 'CLOSE', unknown>>()(defineStateMachine(literal));
  is<StateMachine<string, string, unknown>>()(stateMachine('door'));
  const numbered = defineStateMachine({ id: 'n', initial: '1', states: { 1: { on: { 5: '2' } }, 2: {} } });
  is<StateMachine<'1' | '2', '5', unknown>>()(numbered);
  const mute = defineStateMachine({ id: 'm', initial: 'a', states: { a: { after: { 5: 'b' } }, b: {} } });
  is<StateMachine<'a' | 'b', never, unknown>>()(mute);
}

export async function refuses(): Promise<void> {
  // @ts-expect-error no such event
  await payment.send('7', 'PROCES');
  // @ts-expect-error no such event
  await payment.send('7', { type: 'PROCES' });
  // @ts-expect-error other data
  await payment.send('7', 'PROCESS', { data: { cents: '5' } });
  // @ts-expect-error no such state
  await payment.waitFor('7', 'paid');
  // @ts-expect-error no such event at the end
  await payment.during('7', { event: 'PROCESS', onDone: 'DONE' }, () => 5);
  // @ts-expect-error no such state
  payment.toMermaid({ current: 'paid' });
  // @ts-expect-error a misspelt option
  defineStateMachine({ id: 'm', initial: 'a', states: { a: {} } }, { retentionMS: 5 });
}

export function refusesConfigs(): void {
  // @ts-expect-error 'b' is not in states
  defineStateMachine({ id: 'm', initial: 'b', states: { a: {} } });
  // @ts-expect-error 'b' is not in states
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: 'b' } } } });
  // @ts-expect-error 'b' is not in states
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: { target: 'b' } } } } });
  // @ts-expect-error 'b' is not in states
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: [{ target: 'b' }] } } } });
  // @ts-expect-error '#n.a' is not in states
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: '#n.a' } } } });
  // @ts-expect-error 'b' is not in states
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { after: { 5: 'b' } } } });
  // @ts-expect-error a delay is a number of milliseconds
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { after: { soon: 'b' } }, b: {} } });
  // @ts-expect-error a transition needs a target
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: {} } } } });
  // @ts-expect-error guards are not supported
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: { target: 'a', guard: 'isPaid' } } } } });
  // @ts-expect-error actions are not supported
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: { target: 'a', actions: ['log'] } } } } });
  // @ts-expect-error nested states are not supported
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { states: { b: {} } } } });
  // @ts-expect-error 'parallel' states are not supported
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { type: 'parallel' } } });
  // @ts-expect-error 'onn' is not known in a state
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { onn: { GO: 'a' }, on: {} } } });
  // @ts-expect-error 'targt' is not known in a transition
  defineStateMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: { target: 'a', targt: 'a' } } } } });
  // @ts-expect-error data belongs to an instance
  defineStateMachine({ id: 'm', initial: 'a', context: { cents: 5 }, states: { a: {} } });
}

export function narrows(error: unknown): void {
  if (isActonceError(error, 'ERR_INVALID_TRANSITION')) is<readonly string[]>()(error.allowed);
  if (isActonceError(error, 'ERR_VERSION_CONFLICT')) is<number>()(error.expected);
  if (isActonceError(error, 'ERR_STATE_NOT_REACHED')) is<'timeout' | 'unreachable'>()(error.reason);
  if (isActonceError(error, 'ERR_UNKNOWN_STATE')) is<string>()(error.state);
}
