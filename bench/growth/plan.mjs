// The figures by which docs/scaling.md plans: what a core carries, memory, what a million orders cost.
import { table } from '../results.mjs';
import { millions, tenths, whole } from './figures.mjs';

const RETENTION_HOURS = 24;
/** Of a `fn` that takes a minute, with the default lease. */
const RENEWALS_OF_A_MINUTE = 5;

/** @param figures what the curves measured; a table whose figures are missing is left out */
export function planTables(figures) {
  return {
    ...(figures.freshMostUs && figures.renewalUs && { core: core(figures) }),
    ...(figures.bySize && { memory: memory(figures) }),
    ...(figures.freshMostUs && figures.renewalUs && figures.bySize && { orders: orders(figures) }),
  };
}

function core({ freshLeastUs, freshMostUs, nodeUs, replayUs, replayNodeUs, renewalUs }) {
  const row = (what, nodeOf, ...redisOf) => [
    what,
    redisOf.map(tenths).join('–'),
    redisOf
      .map((us) => rounded(1e6 / us))
      .reverse()
      .join('–'),
    nodeOf === undefined ? '–' : tenths(nodeOf),
  ];
  return table(
    ['', 'Redis CPU µs', 'of these one core carries a second', 'Node CPU µs'],
    [
      row('fresh call, 250-byte result', nodeUs, freshLeastUs, freshMostUs),
      row('replay by another process', replayNodeUs, replayUs),
      row('renewal of a lease', undefined, renewalUs),
    ],
  );
}

function memory({ bySize }) {
  const row = ({ bytes, recordBytes, redisUs }) => [
    millions(bytes),
    millions(Math.round(recordBytes)),
    gigabytes(1e6 * recordBytes),
    whole(redisUs),
  ];
  return table(
    ['bytes of the result', 'bytes in Redis', 'GB a million keys', 'Redis CPU µs a fresh call, one at a time'],
    bySize.map(row),
  );
}

function orders({ freshMostUs, nodeUs, replayUs, replayNodeUs, renewalUs, recordBytes }) {
  const memoryHours = recordBytes === undefined ? '–' : gigabytes(1e6 * recordBytes * RETENTION_HOURS);
  const row = (what, redis, node) => [what, tenths(redis), node === undefined ? '–' : tenths(node), memoryHours];
  return table(
    ['a million orders, 250-byte results kept a day', 'Redis CPU s', 'Node CPU s', 'GB·h'],
    [
      row('each sent once', freshMostUs, nodeUs),
      row('each sent twice', freshMostUs + replayUs, nodeUs + replayNodeUs),
      row('each sent once, its `fn` takes a minute', freshMostUs + RENEWALS_OF_A_MINUTE * renewalUs, nodeUs),
    ],
  );
}

const gigabytes = (bytes) => millions(Number((bytes / 1e9).toPrecision(2)));

/** To two digits: the machine is not known better than that. */
const rounded = (value) => millions(Number(value.toPrecision(2)));
