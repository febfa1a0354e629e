import type { Intent } from '@/lib/ledger';
import type { Post } from './Network';
import { verdictOn } from './verdict';

type Props = { order: Intent | undefined; isRunning: boolean; clicks: number | undefined; posts: Post[] };

/** The way of one order from the click to the money, counted at each station, and what that makes of it. */
export function Journey({ order, isRunning, clicks, posts }: Props) {
  const verdict = verdictOn(order);
  const ended = order?.attempts.filter(({ outcome }) => outcome === 'executed').length;
  const runs = ended === undefined ? undefined : ended + Number(isRunning);
  const requests = posts.length || order?.attempts.length;
  return (
    <div className={`journey ${verdict.tone}`}>
      <ol className="stations">
        {clicks === undefined && order ? (
          <Station place="Browser" count={1} unit="order" />
        ) : (
          <Station place="Browser" count={clicks} unit="click" />
        )}
        <Station place="Network" count={requests} unit="POST" />
        <Station place="Server" count={runs} unit="run" />
        <Station place="Provider" count={order?.charges.length} unit="charge" isResult />
      </ol>
      <p className="verdict" role="status">
        {verdict.text}
      </p>
      <ol className="posts" aria-label="The POSTs on the wire">
        {posts.map(({ id, sender, fate }, index) => (
          <li key={id}>
            <b>POST {index + 1}</b> by {sender}: <span className="fate">{fate}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

type StationProps = { place: string; count: number | undefined; unit: string; isResult?: boolean };

function Station({ place, count, unit, isResult = false }: StationProps) {
  return (
    <li className={isResult ? 'result' : undefined}>
      <span className="place">{place}</span>
      <b className="count">{count ?? '–'}</b>
      <span className="unit">{count === 1 ? unit : `${unit}s`}</span>
    </li>
  );
}
