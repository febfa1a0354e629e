'use client';

import { type FormEvent, useActionState, useEffect, useId, useRef } from 'react';
import { BAG_CENTS } from '@/lib/cart';
import { euros } from '@/lib/euros';
import type { Lane } from '@/lib/journal';
import { keyAtSubmit, outcomeSeen } from './submit-key';

export type Refusal = { key: string; problem: string } | undefined;
export type PlaceOrder = (previous: Refusal, form: FormData) => Promise<Refusal>;

/** `serverKey` is for a post without JavaScript, or before it has loaded. */
type Props = { lane: Lane; action: PlaceOrder; serverKey: string };

/** The cart and its button. Both lanes use this form; `action` is all that differs. */
export function OrderForm({ lane, action, serverKey }: Props) {
  const [refusal, submit, pending] = useActionState(action, undefined);
  const keyField = useRef<HTMLInputElement>(null);
  const bagsId = useId();

  useEffect(() => {
    if (refusal) outcomeSeen(refusal.key);
  }, [refusal]);

  /** Before React reads the form. The next render puts the server's key back, the next submit chooses again. */
  function chooseKey(event: FormEvent<HTMLFormElement>) {
    const bags = Number(new FormData(event.currentTarget).get('bags'));
    if (keyField.current) keyField.current.value = keyAtSubmit(lane, { bags });
  }

  return (
    <form action={submit} onSubmit={chooseKey}>
      <input type="hidden" name="idempotency-key" defaultValue={serverKey} ref={keyField} />
      <label htmlFor={bagsId}>Espresso beans, 1 kg, {euros(BAG_CENTS)}</label>
      <input id={bagsId} name="bags" type="number" min={1} max={9} defaultValue={1} required />
      {/* It stays clickable while an order is on its way: people click twice, and that must be safe. */}
      <button type="submit">{pending ? 'Placing the order…' : 'Place order'}</button>
      <p className="refusal" role="status">
        {refusal && !pending && `The answer was “${refusal.problem}”, and no order to show.`}
      </p>
    </form>
  );
}
