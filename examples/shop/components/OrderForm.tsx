'use client';

import { useIdempotentActionState } from 'actonce/react';
import { useId } from 'react';
import { BAG_CENTS } from '@/lib/cart';
import { euros } from '@/lib/euros';
import type { Lane } from '@/lib/journal';

export type Refusal = { problem: string } | undefined;
export type PlaceOrder = (previous: Refusal, form: FormData) => Promise<Refusal>;

/** `serverKey` is for a post without JavaScript, or before it has loaded. */
export type Ordering = { action: PlaceOrder; serverKey: string };
type Props = Ordering & { lane: Lane };

/** The cart and its button. Both lanes use this form and its key; `action` is all that differs. */
export function OrderForm({ lane, action, serverKey }: Props) {
  const options = { id: lane, initialKey: serverKey };
  const { state, pending, problem, formProps, field } = useIdempotentActionState<Refusal>(action, undefined, options);
  const refusal = pending ? undefined : refusalText(problem?.code, state);
  const bagsId = useId();
  return (
    <form {...formProps} className="order" data-lane={lane} aria-busy={pending}>
      <div className="cart">
        {field}
        <label htmlFor={bagsId}>
          Espresso beans <span className="price">{euros(BAG_CENTS)} / kg</span>
        </label>
        <input id={bagsId} name="bags" type="number" min={1} max={9} defaultValue={1} required />
        {/* It stays clickable while an order is on its way: people click twice, and that must be safe. */}
        <button type="submit">{pending ? 'Placing order…' : 'Place order'}</button>
      </div>
      <p className={refusal ? 'screen refusal' : 'screen'} role="status">
        {refusal ?? 'What the customer sees: the page of the newest order.'}
      </p>
    </form>
  );
}

function refusalText(code: string | undefined, state: Refusal): string | undefined {
  if (code) return `Not confirmed yet (${code}). Press again: it stays one order.`;
  if (state) return `✕ The answer was “${state.problem}”, and there is no order to show.`;
  return undefined;
}
