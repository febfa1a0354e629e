import type { Intent } from '@/lib/ledger';
import type { LockState } from '@/lib/naive-lock';
import { Diagram, Edge, Label, State, type Tone } from './Diagram';
import { Facts } from './Facts';

const STATES = ['no lock', 'PROCESSING', 'COMPLETED'];

/** The naive lock of an order, as it is in its store. */
export function LockView({ lock, order }: { lock: LockState; order: Intent | undefined }) {
  const state = lock === 'absent' ? 'no lock' : lock;
  const isPaid = (order?.charges.length ?? 0) > 0;
  const hasForgotten = lock === 'absent' && isPaid;
  const tone: Tone = hasForgotten ? 'bad' : lock === 'absent' ? 'quiet' : 'busy';
  return (
    <div className="memory">
      <h3>What the lock remembers</h3>
      <p>
        A repetition now <strong className={tone}>{repetition(lock, isPaid)}</strong>.
      </p>
      <Diagram
        title={`There is ${lock === 'absent' ? state : `a lock: ${state}`}`}
        description="States of the lock: no lock, by SET NX to PROCESSING, by SET to COMPLETED when checkout returns. It never returns: it ends with redirect, which throws, and the lock takes the paid order for a failure and is deleted."
      >
        <Edge path="M141 37V87">
          <Label x={133} y={66} anchor="end">
            SET NX EX 60
          </Label>
        </Edge>
        <Edge path="M141 125V175">
          <Label x={133} y={148} anchor="end">
            checkout()
          </Label>
          <Label x={133} y={162} anchor="end">
            returns
          </Label>
        </Edge>
        <Edge path="M199 107C268 107 268 19 201 19" tone={hasForgotten ? 'bad' : undefined}>
          <Label x={262} y={54}>
            checkout() throws
          </Label>
          <Label x={262} y={68}>
            redirect(): DEL
          </Label>
        </Edge>
        <Label x={206} y={199}>
          never reached here
        </Label>
        {STATES.map((name, row) => (
          <State key={name} name={name} at={[0, row]} now={state} tone={tone} />
        ))}
      </Diagram>
      <Facts facts={{ State: state, Outcome: 'never kept' }} />
    </div>
  );
}

function repetition(lock: LockState, isPaid: boolean): string {
  if (lock !== 'absent') return 'is refused: already_processed';
  return isPaid ? 'would run, and charge again' : 'would run, as the first';
}
