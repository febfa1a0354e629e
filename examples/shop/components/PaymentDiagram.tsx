import type { PaymentEvent, PaymentState } from '@/lib/payment';
import type { Drawn, PaymentNow } from '@/lib/payment-now';
import { Diagram, Edge, Label, State, type Tone } from './Diagram';

const PLACES: Record<PaymentState, { at: [column: number, row: number]; tone: Tone }> = {
  requested: { at: [0, 0], tone: 'quiet' },
  processing: { at: [0, 1], tone: 'busy' },
  completed: { at: [0, 2], tone: 'good' },
  cancelled: { at: [1, 0], tone: 'quiet' },
  failed: { at: [1, 1], tone: 'bad' },
};

type WayName = `${PaymentState} ${PaymentEvent | 'after'}`;
type Way = { path: string; label: { x: number; y: number; anchor: 'middle' | 'end' }; tone: 'good' | 'bad' };

const WAYS: Partial<Record<WayName, Way>> = {
  'requested PROCESS': { path: 'M141 37V87', label: { x: 133, y: 66, anchor: 'end' }, tone: 'good' },
  'requested CANCEL': { path: 'M199 19H281', label: { x: 240, y: 13, anchor: 'middle' }, tone: 'good' },
  'processing COMPLETE': { path: 'M141 125V175', label: { x: 133, y: 154, anchor: 'end' }, tone: 'good' },
  'processing FAIL': { path: 'M199 99H281', label: { x: 240, y: 92, anchor: 'middle' }, tone: 'bad' },
  'failed RETRY': { path: 'M283 115H202', label: { x: 240, y: 129, anchor: 'middle' }, tone: 'good' },
  'processing after': {
    path: 'M180 125C190 176 341 176 341 127',
    label: { x: 272, y: 180, anchor: 'middle' },
    tone: 'bad',
  },
};

/** The machine; with `now`, where a payment is in it, and the ways it took. */
export function PaymentDiagram({ drawn, now }: { drawn: Drawn; now?: PaymentNow }) {
  const taken = (now?.steps ?? []).map((step) => (step.by === 'created' ? undefined : `${step.from} ${step.by}`));
  const timesOf = (name: WayName) => taken.filter((way) => way === name).length;
  return (
    <Diagram
      left={60}
      title={now ? `The payment is ${now.state}` : 'A payment'}
      description={`${drawn.map(({ state, allowed }) => `${state}: ${allowed.join(', ') || 'final'}`).join('; ')}. A payment that is processing too long has failed.`}
    >
      {drawn.flatMap(({ state, allowed }) =>
        allowed.map((event) => (
          <WayTo key={`${state} ${event}`} name={`${state} ${event}`} times={timesOf(`${state} ${event}`)}>
            {event}
          </WayTo>
        )),
      )}
      <WayTo name="processing after" times={timesOf('processing after')}>
        {now?.timeoutInMs === undefined ? 'time runs out' : `time runs out in ${Math.ceil(now.timeoutInMs / 1000)} s`}
      </WayTo>
      {drawn.map(({ state }) => (
        <State key={state} name={state} now={now?.state ?? ''} {...PLACES[state]} />
      ))}
    </Diagram>
  );
}

/** An arrow: once taken it is marked, and from the second time on counted. */
function WayTo({ name, times, children }: { name: WayName; times: number; children: string }) {
  const way = WAYS[name];
  if (!way) return null;
  return (
    <Edge name={name} path={way.path} tone={times > 0 ? way.tone : undefined}>
      <Label {...way.label}>{times > 1 ? `${children} × ${times}` : children}</Label>
    </Edge>
  );
}
