import { euros } from '@/lib/euros';
import type { Intent } from '@/lib/ledger';

const SHOWN = 5;
const OUTCOMES: Record<string, string> = {
  executed: 'ran, and charged',
  already_processed: 'refused: already_processed',
  replayed: 'replayed the first result',
  joined: 'joined the run, same result',
};

/** A lane's orders, newest first: what each request that reached the action was answered, and each charge the provider made for it. */
export function LedgerTable({ intents }: { intents: Intent[] }) {
  const charges = intents.flatMap((intent) => intent.charges).length;
  const doubled = intents.filter((intent) => intent.charges.length > 1).length;
  return (
    <>
      <dl className="totals" aria-live="polite">
        <Total name="orders intended" value={intents.length} />
        <Total name="charges made" value={charges} />
        <Total name="double charges" value={doubled} alarm={doubled > 0} />
      </dl>
      <table>
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">Requests, as answered</th>
            <th scope="col">Charges</th>
          </tr>
        </thead>
        <tbody>
          {intents.slice(0, SHOWN).map((intent) => (
            <Row key={intent.key} intent={intent} />
          ))}
        </tbody>
      </table>
      {intents.length > SHOWN && <p className="more">and {intents.length - SHOWN} earlier</p>}
    </>
  );
}

function Total({ name, value, alarm = false }: { name: string; value: number; alarm?: boolean }) {
  return (
    <div className={alarm ? 'alarm' : undefined}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Row({ intent: { key, atMs, attempts, charges } }: { intent: Intent }) {
  return (
    <tr data-key={key} className={charges.length > 1 ? 'alarm' : undefined}>
      <td>
        {new Date(atMs).toLocaleTimeString('en-GB')} <code>{key.slice(0, 8)}</code>
      </td>
      <td>
        <ol>
          {attempts.map(({ id, outcome }) => (
            <li key={id}>{OUTCOMES[outcome] ?? outcome}</li>
          ))}
        </ol>
      </td>
      <td>
        <ul>
          {charges.map(({ id, amountCents }) => (
            <li key={id}>
              {euros(amountCents)} <code>{id}</code>
            </li>
          ))}
        </ul>
        {charges.length > 1 && <strong>charged {charges.length} times</strong>}
      </td>
    </tr>
  );
}
