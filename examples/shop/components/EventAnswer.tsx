import type { Answer } from '@/lib/payment-events';
import { Facts } from './Facts';

/** What the store made of an event: the transition, or why there is none. */
export function EventAnswer({ answer }: { answer: Answer }) {
  const { type, event } = answer;
  if (type === 'moved') {
    return (
      <div className="answer moved" data-answer={type}>
        <p>
          <strong>✓ Moved{answer.replayed && ' once: the repetition got the same result'}</strong>
        </p>
        <Facts facts={{ From: answer.from, Event: event, To: answer.state, Version: answer.version }} />
      </div>
    );
  }
  return (
    <div className="answer refused" data-answer={type}>
      <p>
        <strong>
          ✕ Refused: <code>{answer.code}</code>
        </strong>
      </p>
      {answer.code === 'ERR_NOT_FOUND' ? (
        <p>The store does not hold this payment any more.</p>
      ) : (
        <Facts facts={{ From: answer.from, Event: event, Allowed: answer.allowed.join(', ') || 'none: it is final' }} />
      )}
    </div>
  );
}
