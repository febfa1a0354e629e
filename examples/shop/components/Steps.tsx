import type { Step } from '@/lib/payment-now';

/** What happened to a payment, newest first; times are the store's. */
export function Steps({ steps }: { steps: Step[] }) {
  return (
    <ol className="steps" reversed>
      {steps.toReversed().map((step) => (
        <li key={step.version} value={step.version}>
          <time dateTime={new Date(step.atMs).toISOString()}>{clock(step.atMs)}</time>
          <span>
            <b>{step.by === 'after' ? 'time ran out' : step.by}</b>{' '}
            {step.by === 'created' ? step.state : `${step.from} → ${step.state}`}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** In UTC, so that server and browser write the same. */
function clock(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}
