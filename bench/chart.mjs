// The chart of a run: what a fresh call costs, and how many there are, over the number in flight.
import { ACTONCE, ACTONCE_MEMORY, ACTONCE_THREAD, CONTESTANTS } from './contestants.mjs';
import { drawChart } from './svg.mjs';
import { IN_FLIGHT } from './workloads/fresh.mjs';

/** Ours in one colour; a peer gets the next of the rest. */
const OURS = { [ACTONCE]: {}, [ACTONCE_THREAD]: { dashes: '7 4' }, [ACTONCE_MEMORY]: { dashes: '2 4' } };

const PANELS = [
  { title: 'CPU time of the Node process, µs per call', figure: 'cpuUs', scale: 1 },
  { title: 'Throughput, thousand calls per second', figure: 'opsPerSecond', scale: 1 / 1000 },
];

/** @param provenance where and how it was measured, in two lines */
export function freshCallsChart(samples, provenance) {
  const peers = CONTESTANTS.map(({ name }) => name).filter((name) => !(name in OURS));
  const look = (name) => (name in OURS ? { ours: true, ...OURS[name] } : { colour: peers.indexOf(name) });
  const measured = (name, x) => samples.median(name, `fresh${x}.cpuUs`) !== undefined;
  const lines = samples.names().filter((name) => IN_FLIGHT.some((x) => measured(name, x)));
  const points = (name, figure, scale) =>
    IN_FLIGHT.filter((x) => measured(name, x)).map((x) => ({
      x,
      y: scale * samples.median(name, `fresh${x}.${figure}`),
    }));
  return drawChart({
    title: 'Fresh calls: acquire the key, run a no-op, record a 250-byte result',
    subtitles: provenance,
    xTitle: 'calls in flight in one process (both axes logarithmic)',
    panels: PANELS.map(({ title, figure, scale }) => ({
      title,
      lines: lines.map((name) => ({ name, ...look(name), points: points(name, figure, scale) })),
    })),
  });
}
