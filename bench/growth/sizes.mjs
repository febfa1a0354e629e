// Cost of a call by the size of its result, and how long results of a megabyte block the event loop.
import { table } from '../results.mjs';
import { median, Samples } from '../samples.mjs';
import { onStage } from './callers.mjs';
import { millions, spread, tenths, whole } from './figures.mjs';

const FORMS = ['text', 'Buffer', 'JSON objects'];
const BLOCKING = ['text', 'Japanese text', 'Buffer', 'JSON objects', 'objects with Dates'];
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

export function showSizes({ samples, sizes, recordBytes, turns }) {
  const curve = (form, figure) => sizes.map((bytes) => [bytes, samples.median(nameOf(form, bytes), figure)]);
  const rows = FORMS.flatMap((form) => {
    const { fixed, slope } = line(curve(form, 'cpuUs'));
    return sizes.map((bytes) => {
      const of = (figure) => spread(samples.all(nameOf(form, bytes), figure), whole);
      const off = samples.median(nameOf(form, bytes), 'cpuUs') / (fixed + slope * bytes);
      return [`${form}, ${millions(bytes)}`, of('us'), of('cpuUs'), off.toFixed(2), of('redisUs')];
    });
  });
  const fits = FORMS.map((form) => {
    const { fixed, slope } = line(curve(form, 'cpuUs'));
    return `${form}: ${whole(fixed)} µs + ${tenths(1_000 * slope)} µs a kB`;
  });
  const sorted = (longest) => [...longest].sort((a, b) => a - b);
  const blocking = turns.map(([what, longest]) => {
    const at = (share) => sorted(longest)[Math.floor(share * (longest.length - 1))];
    return [what, ...[median(longest), at(0.95), at(1)].map(tenths)];
  });
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
      'Results of a megabyte: the longest turn of the event loop during a call, ms.',
      '',
      ...table(['form', 'median', '95 %', 'longest'], blocking),
    ],
    plots: {
      sizes: {
        title: 'Node’s CPU of a fresh call by the size of its result',
        x: { label: 'bytes', log: true },
        y: { label: 'µs a call', log: true },
        series: FORMS.map((form) => ({ name: form, points: curve(form, 'cpuUs') })),
      },
    },
    plan: {
      bySize: sizes.map((bytes, index) => ({
        bytes,
        recordBytes: recordBytes[index],
        redisUs: samples.median(nameOf('text', bytes), 'redisUs'),
      })),
    },
  };
}
