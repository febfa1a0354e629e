// Cost of a fresh call by the number of records that are alive. Every size has a store and a caller of its own; they take
// turns, round by round. What is measured leaves again soon, so the size stays; to expire is then part of the cost.
import { table } from '../results.mjs';
import { Samples } from '../samples.mjs';
import { onStage } from './callers.mjs';
import { atMost, flat, millions, ratio, spread, tenths, whole } from './figures.mjs';

const STORES = ['Redis', 'embedded'];
/** Ten times more than a client may err about the server's clock after a minute; below that, a claim takes the script. */
const RETENTION_MS = 1_000;
/** With fewer records, what each takes is lost in what a server or a process takes anyway. */
const COUNTABLE = { Redis: 10_000, embedded: 1_000_000 };
/** V8's heap has its size only after so many. */
const WARM_UP = { slice: 'warm up', inFlight: 512, maxOps: 100_000, retentionMs: RETENTION_MS };

export const measureRecords = ({ sizes, rounds, ops }) =>
  onStage(async (stage) => {
    const places = [];
    for (const store of STORES) {
      for (const size of sizes) places.push(await fill(stage, store, size));
    }
    const samples = new Samples();
    for (let round = 1; round <= rounds; round++) {
      for (const place of places) samples.add(nameOf(place.store, place.size), await measure(place, round, ops));
    }
    return { samples, places, sizes };
  });

const nameOf = (store, size) => `${store} ${size}`;

async function fill(stage, store, size) {
  const server = store === 'Redis' ? await stage.server() : undefined;
  const caller = await stage.caller(server?.url ?? 'memory:');
  await caller.ask('fresh', WARM_UP);
  await server?.empty();
  const memory = await caller.ask('memory');
  const stored = await server?.memory();
  // In parts of the warm-up's size: a caller keeps the latencies of its largest slice, which is no memory of the store's.
  for (let done = 0; done < size; done += WARM_UP.maxOps) {
    const maxOps = Math.min(WARM_UP.maxOps, size - done);
    await caller.ask('fresh', { slice: `fill ${done}`, inFlight: 512, maxOps });
  }
  const filled = await caller.ask('memory');
  const bytes = server ? (await server.memory()) - stored : filled.native - memory.native;
  return { store, size, server, caller, recordBytes: bytes / size, rss: { before: memory.rss, after: filled.rss } };
}

async function measure({ server, caller }, round, ops) {
  const live = await server?.records();
  const ask = (slice, inFlight, maxOps) => {
    return caller.ask('fresh', { slice: `${slice} ${round}`, inFlight, maxOps, retentionMs: RETENTION_MS });
  };
  const serverBefore = await server?.cpuUs();
  const { cpuUs } = await ask('many', 64, ops);
  const serverCpu = server ? { redisUs: ((await server.cpuUs()) - serverBefore) / ops } : {};
  const { p50Us, p99Us } = await ask('single', 1, ops / 4);
  if (server) serverCpu.plainUs = await plainCost(server, ops);
  return { cpuUs, p50Us, p99Us, ...serverCpu, ...(server && { live }) };
}

async function plainCost(server, count) {
  const before = await server.cpuUs();
  await server.storePlainly(count, RETENTION_MS);
  return ((await server.cpuUs()) - before) / count;
}

export function showRecords({ samples, places, sizes }) {
  const [least] = sizes;
  const row = ({ store, size, recordBytes }) => {
    const of = (figure, show) => spread(samples.all(nameOf(store, size), figure), show);
    const grown = (figure) => ratio(samples.ratio(nameOf(store, size), figure, [nameOf(store, least)]));
    return [
      `${store}, ${millions(size)}`,
      of('cpuUs', tenths),
      grown('cpuUs'),
      of('redisUs', tenths),
      grown('redisUs'),
      of('plainUs', tenths),
      grown('plainUs'),
      of('p50Us', whole),
      grown('p50Us'),
      of('p99Us', whole),
      size < COUNTABLE[store] ? '–' : whole(recordBytes),
    ];
  };
  const curve = (name, store, figure) => ({
    name,
    points: sizes.map((size) => [size, samples.median(nameOf(store, size), figure)]),
  });
  const largest = places.findLast(({ store }) => store === 'Redis');
  const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
  return {
    title: 'Live records',
    lines: [
      'Fresh calls with 250-byte results, 64 in flight (CPU) and one after the other (latency); ratios to the least size are',
      'taken within each round. Of two SETs: what Redis spends on the same bytes stored by two plain commands, pipelined; how',
      'much more that is with more records is Redis’ own. Memory of a record: what the store grew by.',
      '',
      ...table(
        [
          'store, records',
          'Node CPU µs',
          '×',
          'Redis CPU µs',
          '×',
          'of two SETs',
          '×',
          'p50 µs',
          '×',
          'p99 µs',
          'bytes',
        ],
        places.map(row),
      ),
      '',
      `RSS of the Node process that made ${millions(largest.size)} calls on Redis, garbage collected:`,
      `${mebibytes(largest.rss.before)} MiB before, ${mebibytes(largest.rss.after)} MiB after.`,
    ],
    plots: {
      records: {
        title: 'CPU of a fresh call by live records',
        x: { label: 'live records', log: true },
        y: { label: 'µs a call' },
        series: [
          curve('Node, records on Redis', 'Redis', 'cpuUs'),
          curve('Redis', 'Redis', 'redisUs'),
          curve('Redis, two plain SETs', 'Redis', 'plainUs'),
          curve('Node, embedded store', 'embedded', 'cpuUs'),
        ],
      },
    },
    targets: [
      ...[
        ['Node, on Redis', 'Redis', 'cpuUs'],
        ['Redis', 'Redis', 'redisUs'],
        ['Node, embedded store', 'embedded', 'cpuUs'],
      ].map(([what, store, figure]) => {
        const ratios = sizes.map((size) => samples.ratio(nameOf(store, size), figure, [nameOf(store, least)]));
        return flat(`P10 CPU of a call from ${millions(least)} to ${millions(largest.size)} records: ${what}`, ratios);
      }),
      atMost(
        `P14 RSS after ${millions(largest.size)} calls, above the baseline`,
        (largest.rss.after - largest.rss.before) / 2 ** 20,
        5,
        'MiB',
      ),
    ],
    plan: { recordBytes: largest.recordBytes },
  };
}
