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
