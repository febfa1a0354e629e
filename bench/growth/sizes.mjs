// Cost of a call by the size of its result, and how long results of a megabyte block the event loop.
import { table } from '../results.mjs';
import { Samples } from '../samples.mjs';
import { onStage } from './callers.mjs';
import { atMost, flat, millions, ratio, spread, tenths, whole } from './figures.mjs';

const FORMS = ['text', 'Buffer', 'JSON objects'];
const BLOCKING = ['text', 'Japanese text', 'Buffer', 'JSON objects', 'objects with Dates'];
/** Those that P13 is about; objects are walked on the loop. */
const BOUNDED = ['text', 'Japanese text', 'Buffer'];
const MEGABYTE = 1_000_000;
/** Base64 and JSON are longer than what they hold. */
const OPTIONS = { cache: false, defaults: { maxResultBytes: 2 ** 23 } };

export const measureSizes = ({ sizes, rounds, blockingCalls }) =>
  onStage(async (stage) => {
    const server = await stage.server();
    const caller = await stage.caller(server.url, OPTIONS);
    const recordBytes = [];
    for (const bytes of sizes) recordBytes.push(await storedBytes(server, caller, bytes));
    const samples = new Samples();
    for (let round = 1; round <= rounds; round++) {
      for (const form of FORMS) {
        for (const bytes of sizes)
          samples.add(nameOf(form, bytes), await measure(server, caller, { form, bytes, round }));
      }
      await server.empty();
    }
    const turns = [];
    for (const form of BLOCKING) {
      const request = { form, bytes: MEGABYTE, calls: blockingCalls, slice: form };
      // A process of its own: the garbage of one form is not to block another.
      const fresh = await stage.caller(server.url, OPTIONS);
      turns.push([`${form}, fresh`, await fresh.ask('turns', request)]);
      turns.push([`${form}, replayed`, await fresh.ask('turns', request)]);
      await server.empty();
    }
    return { samples, sizes, recordBytes, turns };
  });

const nameOf = (form, bytes) => `${form} ${bytes}`;
const callsOf = (bytes) => Math.max(8, Math.min(400, Math.round(4_000_000 / bytes)));

/** By many records, so that the server's tables and buffers are shared by many. */
async function storedBytes(server, caller, bytes) {
  const calls = Math.max(20, Math.min(10_000, Math.round(20_000_000 / bytes)));
  const before = await server.memory();
  await caller.ask('sized', { form: 'text', bytes, calls, slice: 'stored' });
  const after = await server.memory();
  await server.empty();
  return (after - before) / calls;
}

async function measure(server, caller, { form, bytes, round }) {
  const calls = callsOf(bytes);
  const before = await server.cpuUs();
  const { us, cpuUs } = await caller.ask('sized', { form, bytes, calls, slice: `${form} ${bytes} ${round}` });
  return { us, cpuUs, redisUs: ((await server.cpuUs()) - before) / calls };
}

/** What a call costs and what each byte of its result adds, by least squares of the relative errors. */
function line(points) {
  const sum = (of) => points.reduce((total, [x, y]) => total + of(x, y) / y ** 2, 0);
  const [n, x, y, xx, xy] = [() => 1, (a) => a, (_, b) => b, (a) => a * a, (a, b) => a * b].map(sum);
  const slope = (n * xy - x * y) / (n * xx - x * x);
  return { fixed: (y - slope * x) / n, slope };
}

const at = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))];

export function showSizes({ samples, sizes, recordBytes, turns }) {
  const curve = (form, figure) => sizes.map((bytes) => [bytes, samples.median(nameOf(form, bytes), figure)]);
  const lines = FORMS.map((form) => {
    const points = curve(form, 'cpuUs');
    const { fixed, slope } = line(points);
    return { form, fixed, slope, off: points.map(([bytes, us]) => us / (fixed + slope * bytes)) };
  });
  const rows = lines.flatMap(({ form, off }) =>
    sizes.map((bytes, index) => {
      const of = (figure) => spread(samples.all(nameOf(form, bytes), figure), whole);
      return [`${form}, ${millions(bytes)}`, of('us'), of('cpuUs'), ratio(off[index]), of('redisUs')];
    }),
  );
  const fits = lines.map(({ form, fixed, slope }) => `${form}: ${whole(fixed)} µs + ${tenths(1_000 * slope)} µs a kB`);
  const blocking = turns.map(([what, longest]) => [
    what,
    ...[0.1, 0.5, 0.95, 1].map((share) => tenths(at(longest, share))),
  ]);
  return {
    title: 'Sizes of results',
    lines: [
      'Fresh calls one after the other. The line is what a call costs Node and what each byte adds; "×" is how far a size lies off it.',
      '',
      ...table(['form, bytes', 'µs a call', 'Node CPU µs', '×', 'Redis CPU µs'], rows),
      '',
      `${fits.join('; ')}.`,
      '',
      ...table(
        ['bytes of text', ...sizes.map(millions)],
        [['bytes in Redis for each record', ...recordBytes.map(whole)]],
      ),
      '',
      'Results of a megabyte: the longest turn of the event loop during a call, ms; what others do on the machine is in it, least in',
      'the first column.',
      '',
      ...table(['form', '10 %', 'median', '95 %', 'longest'], blocking),
    ],
    plots: {
      sizes: {
        title: 'Node’s CPU of a fresh call by the size of its result',
        x: { label: 'bytes', log: true },
        y: { label: 'µs a call', log: true },
        series: FORMS.map((form) => ({ name: form, points: curve(form, 'cpuUs') })),
      },
    },
    targets: [
      ...lines.map(({ form, off }) => flat(`P10 CPU by size, beside a line: ${form}`, off)),
      ...turns
        .filter(([what]) => BOUNDED.some((form) => what.startsWith(`${form},`)))
        .map(([what, longest]) => atMost(`P13 longest turn, 95 % of calls, 1 MB: ${what}`, at(longest, 0.95), 5, 'ms')),
    ],
    plan: {
      bySize: sizes.map((bytes, index) => ({
        bytes,
        recordBytes: recordBytes[index],
        redisUs: samples.median(nameOf('text', bytes), 'redisUs'),
      })),
    },
  };
}
