import type { Intent } from '@/lib/ledger';
import type { RecordNow } from '@/lib/records';
import { Diagram, Edge, Label, State, type Tone } from './Diagram';
import { Facts } from './Facts';

const PATH = ['absent', 'processing', 'completed'];
const ASIDE = ['released', 'indeterminate', 'failed'];

const TONES: Record<RecordNow['state'], Tone> = {
  absent: 'quiet',
  processing: 'busy',
  completed: 'good',
  released: 'quiet',
  failed: 'bad',
  indeterminate: 'bad',
};

const REPETITION: Record<RecordNow['state'], string> = {
  absent: 'would run, as the first',
  processing: 'waits for this run’s result',
  completed: 'gets the same redirect',
  failed: 'gets the same error',
  released: 'runs, as the next attempt',
  indeterminate: 'is refused until someone resolves it',
};

/** The record of an order in actonce's store, as `inspect` sees it. */
export function RecordView({ record, order }: { record: RecordNow; order: Intent | undefined }) {
  const { state, attempt, fence, leaseRemainingMs, expiresInMs, leadsTo } = record;
  const replays = order?.attempts.filter(({ outcome }) => outcome !== 'executed').length ?? 0;
  return (
    <div className="memory">
      <h3>What actonce remembers</h3>
      <p>
        A repetition now <strong className={TONES[state]}>{REPETITION[state]}</strong>.
      </p>
      <Diagram
        title={`The record is ${state}`}
        description="States of a record: absent, by begin to processing, by complete to completed, which is replayed to every repetition. A run that fails is released and may begin again, or its error is kept as failed. When a lease is over, the next caller takes over as the next attempt; with the policy hold the record is indeterminate until someone resolves it."
      >
        <Edge path="M141 37V87" tone={replays > 0 || attempt ? 'good' : undefined}>
          <Label x={149} y={66}>
            begin
          </Label>
        </Edge>
        <Edge path="M141 125V175" tone={state === 'completed' ? 'good' : undefined}>
          <Label x={149} y={154}>
            complete
          </Label>
        </Edge>
        <Edge path="M84 99C42 88 42 126 81 116">
          <Label x={78} y={84} anchor="end">
            lease over
          </Label>
          <Label x={78} y={138} anchor="end">
            takeover
          </Label>
        </Edge>
        <Edge path="M84 187C42 176 42 214 81 204" tone={replays > 0 ? 'good' : undefined}>
          <Label x={78} y={174} anchor="end">
            {replays > 0 ? `replay × ${replays}` : 'replay'}
          </Label>
        </Edge>
        <Edge path="M201 97 281 31" goesBack>
          <Label x={232} y={52} anchor="end">
            release
          </Label>
          <Label x={250} y={74}>
            begin again
          </Label>
        </Edge>
        <Edge path="M199 107H281">
          <Label x={246} y={102} anchor="middle">
            hold
          </Label>
        </Edge>
        <Edge path="M199 117 281 183">
          <Label x={252} y={150}>
            error kept
          </Label>
        </Edge>
        {PATH.map((name, row) => (
          <State key={name} name={name} at={[0, row]} now={state} tone={TONES[state]} />
        ))}
        {ASIDE.map((name, row) => (
          <State key={name} name={name} at={[1, row]} now={state} tone={TONES[state]} />
        ))}
      </Diagram>
      <Facts
        facts={{
          State: state,
          Attempt: attempt,
          Fence: fence && <code>{fence}</code>,
          'Lease left': leaseRemainingMs !== undefined && `${(leaseRemainingMs / 1000).toFixed(1)} s`,
          'Kept for': expiresInMs && hours(expiresInMs),
          'Redirect to': leadsTo && <code>{leadsTo}</code>,
        }}
      />
    </div>
  );
}

function hours(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
