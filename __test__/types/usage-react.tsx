// How react.d.ts and next.d.ts are meant to be used: it compiles, and what must not compile is marked. Never run.
import { useActionState } from 'react';
import { z } from 'zod';
import type { Outcome } from '../../index';
import { idempotentAction } from '../../next';
import { IdempotentForm, useIdempotentActionState, useIdempotentCall } from '../../react';

type Order = { id: string };

const placeOrder = idempotentAction(
  {
    name: 'placeOrder',
    scope: async ({ bags }) => ['shop', bags],
    schema: z.object({ bags: z.coerce.number() }),
    onInvalid: (issues) => ({ issues: issues.map(({ message }) => message) }),
    onResponse: (outcome: Outcome<Order>) => outcome.kind === 'value' && outcome.value.id.length,
  },
  async ({ bags }, ctx): Promise<Order> => ({ id: ctx.deriveKey(String(bags)) }),
);

const buy = idempotentAction(
  {
    name: 'buy',
    scope: async (form: FormData, product: string) => ['shop', product.length, String(form.get('bags'))],
    bound: 1,
    payload: (form: FormData, product: string) => [form, product],
    onResponse: (outcome: Outcome<Order>, _form, product: string) => [outcome.kind, product === 'product-7'],
    recover: async (ctx, _form, product: string) => (product === '' ? undefined : { value: { id: ctx.key } }),
  },
  async (form: FormData, ctx, product: string): Promise<Order> => ({ id: `${product} ${ctx.key} ${form.get('bags')}` }),
);
const ship = idempotentAction(
  { name: 'ship', scope: () => 'ann', bound: 2, schema: z.object({ bags: z.coerce.number() }) },
  ({ bags }, _ctx, product: string, city: { name: string }) => `${product} ${city.name} ${bags.toFixed()}`,
);

// @ts-expect-error: a bound argument that is not declared
idempotentAction({ name: 'x', scope: () => 'ann' }, async (_form: FormData, _ctx, product: string) => product);
// @ts-expect-error: another number of them than is declared
idempotentAction({ name: 'x', scope: () => 'ann', bound: 2 }, async (_f: FormData, _ctx, product: string) => product);

export function First() {
  return (
    <>
      <IdempotentForm id="a" action={placeOrder}>
        <button type="submit">Place order</button>
      </IdempotentForm>
      <IdempotentForm id="b" action={placeOrder}>
        {({ state }) => <p>{state !== undefined && 'id' in state && state.id}</p>}
      </IdempotentForm>
      <IdempotentForm id="c" action={placeOrder}>
        {/* @ts-expect-error: before the action has ended for the first time, there is no state */}
        {({ state }) => <p>{'id' in state && state.id}</p>}
      </IdempotentForm>
      <IdempotentForm id="d" action={placeOrder} initialState={{ id: 'none' }}>
        {({ state }) => <p>{'id' in state && state.id}</p>}
      </IdempotentForm>
      <IdempotentForm<Order | { issues: string[] } | null> id="e" action={placeOrder} initialState={null}>
        {/* @ts-expect-error: it was null at first */}
        {({ state }) => <p>{'id' in state && state.id}</p>}
      </IdempotentForm>
      <IdempotentForm
        id="f"
        action={placeOrder}
        renderProblem={({ code, reference }, { reset }) => (
          <button type="button" onClick={reset}>
            {code} {reference}
          </button>
        )}
        problemMessages={{ ERR_NETWORK: 'Keine Antwort.', other: 'Das ging nicht.' }}
      />
      {/* @ts-expect-error: there is no such code */}
      <IdempotentForm id="g" action={placeOrder} problemMessages={{ ERR_NETWORKS: 'Keine Antwort.' }} />
    </>
  );
}

export function Products() {
  const state = useIdempotentActionState(buy, null, { id: 'buy', bound: ['product-7'] });
  const bare = useIdempotentActionState(buy.bind(null, 'product-7'), null, {
    id: 'buy product-7',
    exclude: ['captcha'],
  });
  const [order] = useActionState<Order | null, FormData>(buy.bind(null, 'product-7'), null);
  const call = useIdempotentCall(ship, { id: 'ship', bound: ['product-7', { name: 'Graz' }], exclude: ['captcha?'] });
  // @ts-expect-error: the argument has to be bound
  useIdempotentActionState(buy, null, { id: 'buy' });
  // @ts-expect-error: the argument is a text
  useIdempotentActionState(buy, null, { id: 'buy', bound: [7] });
  const unbound = useIdempotentCall(ship, { id: 'ship' });
  // @ts-expect-error: the arguments have to be bound
  const wrong = () => unbound({ bags: 2 });
  // @ts-expect-error: nothing is declared
  useActionState<Order | { issues: string[] } | null, FormData>(placeOrder.bind(null, 'product-7'), null);
  // @ts-expect-error: one is declared
  useActionState<Order | null, FormData>(buy, null);
  return (
    <>
      <form action={buy.bind(null, 'product-7')}>
        <button type="submit" formAction={ship.bind(null, 'product-7', { name: 'Graz' })}>
          {order?.id ?? bare.state?.id ?? state.state?.id}
        </button>
      </form>
      {/* @ts-expect-error: nothing is declared */}
      <form action={placeOrder.bind(null, 'product-7')} />
      {/* @ts-expect-error: one is declared */}
      <form action={buy} />
      {/* @ts-expect-error: two are declared */}
      <form action={ship.bind(null, 'product-7')} />
      {/* @ts-expect-error: it is a text */}
      <form action={buy.bind(null, 7)} />
      <IdempotentForm<Order | null, [string]> id="f" action={buy} bound={['product-7']} initialState={null}>
        {({ state: shown, problem }) => (
          <button type="button" onClick={() => [call({ bags: 2 }), wrong]}>
            {problem?.code ?? shown?.id}
          </button>
        )}
      </IdempotentForm>
    </>
  );
}

export function Checkout({ initialKey }: { initialKey: string }) {
  const form = useIdempotentActionState<Awaited<ReturnType<typeof placeOrder>> | null>(placeOrder, null, {
    id: 'o',
    initialKey,
  });
  const [plain] = useActionState<Order | { issues: string[] } | null, FormData>(placeOrder, null);
  const order = useIdempotentCall(placeOrder, { id: 'order' });
  const ordered: Promise<Order | { issues: string[] }>[] = [order({ bags: 2 }), order(new FormData())];
  // @ts-expect-error: there is one argument
  const two = () => order({ bags: 2 }, 3);
  const call = useIdempotentCall((key: string, bags: number) => placeOrder(key, { bags }), { id: 'c' });
  // @ts-expect-error: the argument is a number
  const wrong = () => call('2');
  // @ts-expect-error: the id is required
  const nameless = useIdempotentCall(placeOrder, {});
  const shown =
    form.state !== null && 'id' in form.state ? form.state.id : plain && 'issues' in plain ? plain.issues[0] : '';
  return (
    <>
      <form action={placeOrder}>
        <button type="submit">plain</button>
      </form>
      <form {...form.formProps}>
        {form.field}
        <output>{shown}</output>
        <button type="submit" disabled={form.pending} onClick={() => [wrong, nameless, two, ordered, call(2)]}>
          {form.problem?.code}
        </button>
      </form>
      <IdempotentForm<Order | { issues: string[] } | null>
        id="f"
        className="form"
        action={placeOrder}
        initialState={null}
      >
        {({ state, pending }) => <p>{pending ? '…' : JSON.stringify(state)}</p>}
      </IdempotentForm>
    </>
  );
}
