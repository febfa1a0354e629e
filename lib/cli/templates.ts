/** The files that `init` writes: an action, its form, and a page, as docs/nextjs.md describes them. */
import type { App } from './app';

export interface File {
  /** Relative to the app's folder. */
  readonly path: string;
  readonly text: string;
}

const action = (form: string) => `'use server';

import { idempotentAction } from 'actonce/next';

export const placeOrder = idempotentAction(
  {
    name: 'placeOrder',
    // Whose key it is. Put the user who is signed in here: with 'public', whoever knows a key gets its outcome.
    scope: () => 'public',
  },
  async (${form}, ctx) => {
    // Your own code comes here: it runs once for each key. Give a payment provider this key of its own:
    const providerKey = ctx.deriveKey('charge');
    return { bags: Number(form.get('bags')), providerKey };
  },
);
`;

const form = (props: string) => `'use client';

import { IdempotentForm } from 'actonce/react';
import { placeOrder } from './actions';

export function OrderForm({ initialKey }${props}) {
  return (
    <IdempotentForm id="order" action={placeOrder} initialKey={initialKey} initialState={null}>
      {({ state, pending, problem }) => (
        <>
          <label>
            Bags <input name="bags" type="number" min={1} defaultValue={1} />
          </label>
          <button type="submit">{pending ? 'Placing the order…' : 'Place order'}</button>
          {state && <p role="status">Ordered: {state.bags}</p>}
          {problem && <p role="alert">Not confirmed yet ({problem.code}). Press again: it stays one order.</p>}
        </>
      )}
    </IdempotentForm>
  );
}
`;

const PAGE = `import { connection } from 'next/server';
import { Suspense } from 'react';
import { OrderForm } from './order-form';

// The key is for a press before JavaScript has loaded. Each visitor needs another one, so this part is rendered for each
// request.
async function Order() {
  await connection();
  return <OrderForm initialKey={crypto.randomUUID()} />;
}

export default function Page() {
  return (
    <Suspense>
      <Order />
    </Suspense>
  );
}
`;

export function filesFor({ routes, isTypeScript }: App): readonly File[] {
  const [plain, markup] = isTypeScript ? ['ts', 'tsx'] : ['js', 'jsx'];
  const stateless = isTypeScript ? 'form: FormData' : 'form';
  const props = isTypeScript ? ': { initialKey: string }' : '';
  return [
    { path: `${routes}/order/actions.${plain}`, text: action(stateless) },
    { path: `${routes}/order/order-form.${markup}`, text: form(props) },
    { path: `${routes}/order/page.${markup}`, text: PAGE },
  ];
}
