'use client';

import { useActionState, useRef } from 'react';
import type { PaymentEvent } from '@/lib/payment';
import type { Answer } from '@/lib/payment-events';
import { EventAnswer } from './EventAnswer';

/** `serverKey` is for a post without JavaScript, or before it has loaded. */
export type Sending = {
  action: (previous: Answer[], form: FormData) => Promise<Answer[]>;
  events: readonly PaymentEvent[];
  serverKey: string;
};

/** A button for every event, whichever state the payment is in: what is legal is not the page's business. */
export function EventForm({ action, events, serverKey }: Sending) {
  const [answers, send, isPending] = useActionState(action, []);
  const key = useRef<HTMLInputElement>(null);

  /** Each press is an intent of its own; when the network sends it again, the store sees the same key. */
  function chooseKey() {
    if (key.current) key.current.value = crypto.randomUUID();
  }

  return (
    <form action={send} className="events" aria-busy={isPending}>
      <input ref={key} type="hidden" name="key" defaultValue={serverKey} />
      {events.map((event) => (
        <button key={event} type="submit" name="event" value={event} onClick={chooseKey}>
          {event}
        </button>
      ))}
      <button type="submit" className="twice" name="twice" value="PROCESS" onClick={chooseKey}>
        PROCESS twice at once
      </button>
      <div className="answers" role="status">
        {answers.length === 0 && <p className="screen">What the store answers.</p>}
        {answers.map((answer) => (
          <EventAnswer key={answer.key} answer={answer} />
        ))}
      </div>
    </form>
  );
}
