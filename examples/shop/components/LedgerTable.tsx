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
    <div className="ledger">
      <table>
        <caption>
          The ledger: {counted(intents.length, 'order')}, {counted(charges, 'charge')}
          {doubled > 0 && (
            <>
              , <strong>{doubled} charged too often</strong>
            </>
          )}
        </caption>
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
    </div>
  );
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

function Row({ intent: { key, attempts, charges } }: { intent: Intent }) {
  return (
    <tr data-key={key} className={charges.length > 1 ? 'bad' : undefined}>
      <th scope="row">
        <code>{key.slice(0, 8)}</code>
      </th>
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
        {charges.length > 1 && <strong>✕ charged {charges.length} times</strong>}
      </td>
    </tr>
  );
}
