// Curves as SVG, for docs and results: one function, no dependency, readable on a light page and on a dark one.

const [WIDTH, HEIGHT] = [760, 420];
const PLOT = { left: 78, right: WIDTH - 24, bottom: HEIGHT - 56 };
const LEGEND = { top: 62, rowHeight: 20, swatch: 26, gap: 22 };
/** Of the text in 12 px, on average: SVG cannot ask for the width of its text. */
const CHARACTER = 6.7;

/** Hues that stay apart for colour-blind eyes; the markers tell them apart in print. */
const COLOURS = [
  { light: '#0060a8', dark: '#5db4f0' },
  { light: '#b84a00', dark: '#f59b52' },
  { light: '#00735c', dark: '#3fc9a5' },
  { light: '#8a3a86', dark: '#e294de' },
  { light: '#7a6200', dark: '#e0c44c' },
  { light: '#a3152c', dark: '#ff8796' },
];
const MARKERS = [
  (x, y) => `<circle cx="${x}" cy="${y}" r="4"/>`,
  (x, y) => `<rect x="${x - 3.5}" y="${y - 3.5}" width="7" height="7"/>`,
  (x, y) => `<path d="M${x} ${y - 5}l5 9h-10z"/>`,
  (x, y) => `<path d="M${x} ${y - 5}l5 5l-5 5l-5-5z"/>`,
  (x, y) => `<path d="M${x} ${y + 5}l5-9h-10z"/>`,
  (x, y) => `<path d="M${x - 5} ${y - 2}h3v-3h4v3h3v4h-3v3h-4v-3h-3z"/>`,
];

/**
 * @param x.label, x.log what the axis says, and whether its scale is logarithmic; x.ticks where it says it, else chosen
 * @param y the same; y.target `{ value, label }` draws a line that the curves are to stay under or above
 * @param series `{ name, points: [[x, y], …] }` each, six at most
 * @returns the text of an SVG
 */
export function linePlot({ title, x, y, series }) {
  if (series.length > COLOURS.length) throw new Error(`${series.length} curves in one plot are too many to tell apart`);
  const legend = legendOf(series);
  const top = LEGEND.top + legend.rows * LEGEND.rowHeight + 10;
  const points = series.flatMap((one) => one.points);
  const across = scaleOf(
    x,
    points.map(([value]) => value),
    [PLOT.left, PLOT.right],
    false,
  );
  const heights = [...points.map(([, value]) => value), ...(y.target ? [y.target.value] : [])];
  const up = scaleOf(y, heights, [PLOT.bottom, top], true);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style()}</style>`,
    `<rect class="page" width="${WIDTH}" height="${HEIGHT}" rx="8"/>`,
    text('title', PLOT.left, 28, title),
    text('label', PLOT.left, 50, y.label),
    text('label end', PLOT.right, HEIGHT - 14, x.label),
    ...legend.parts,
    ...up.ticks.flatMap((tick) => [
      `<path class="grid" d="M${PLOT.left} ${up.at(tick)}H${PLOT.right}"/>`,
      text('tick end', PLOT.left - 8, up.at(tick) + 4, short(tick)),
    ]),
    ...across.ticks.flatMap((tick) => [
      `<path class="axis" d="M${across.at(tick)} ${PLOT.bottom}v5"/>`,
      text('tick middle', across.at(tick), PLOT.bottom + 20, short(tick)),
    ]),
    `<path class="axis" d="M${PLOT.left} ${PLOT.bottom}H${PLOT.right}"/>`,
    ...(y.target ? target(y.target, up.at(y.target.value)) : []),
    ...series.map((one, index) => curve(one, index, across, up)),
    '</svg>',
    '',
  ].join('\n');
}

/** @param fromZero of a linear axis: a curve that starts elsewhere makes noise look like growth */
function scaleOf({ log, ticks }, values, [start, end], fromZero) {
  const place = log ? Math.log10 : (value) => value;
  const chosen = ticks ?? (log ? logTicks(values) : linearTicks(values, fromZero));
  const [low, high] = [Math.min(...values, ...chosen), Math.max(...values, ...chosen)].map(place);
  const at = (value) => round(start + ((place(value) - low) / (high - low || 1)) * (end - start));
  return { at, ticks: chosen };
}

function linearTicks(values, fromZero) {
  const high = Math.max(...values);
  const low = fromZero ? Math.min(0, ...values) : Math.min(...values);
  const rough = (high - low || Math.abs(high) || 1) / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = magnitude * [1, 2, 5, 10].find((factor) => factor * magnitude >= rough);
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

/** Powers of ten; where these are fewer than three, 2 and 5 times each as well. */
function logTicks(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const factors = last - first < 3 ? [1, 2, 5] : [1];
  const powers = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  const all = powers.flatMap((power) => factors.map((factor) => Number((factor * 10 ** power).toPrecision(12))));
  const from = all.findLastIndex((tick) => tick <= low);
  const to = all.findIndex((tick) => tick >= high);
  return all.slice(Math.max(from, 0), to + 1);
}

function legendOf(series) {
  let [left, row] = [PLOT.left, 0];
  const parts = series.map(({ name }, index) => {
    const width = LEGEND.swatch + name.length * CHARACTER + LEGEND.gap;
    if (left + width > WIDTH && left > PLOT.left) [left, row] = [PLOT.left, row + 1];
    const [at, middle] = [left, LEGEND.top + 8 + row * LEGEND.rowHeight];
    left += width;
    const swatch = `<path class="line" d="M${at} ${middle}h20"/>${MARKERS[index](at + 10, middle)}`;
    return `<g class="series${index}">${swatch}</g>${text('label', at + LEGEND.swatch, middle + 4, name)}`;
  });
  return { parts, rows: row + 1 };
}

function curve({ points }, index, across, up) {
  const places = points.map(([x, y]) => [across.at(x), up.at(y)]);
  const line = `<path class="line" d="M${places.map((place) => place.join(' ')).join('L')}"/>`;
  return `<g class="series${index}">${line}${places.map((place) => MARKERS[index](...place)).join('')}</g>`;
}

function target({ label }, at) {
  return [`<path class="target" d="M${PLOT.left} ${at}H${PLOT.right}"/>`, text('tick end', PLOT.right, at - 6, label)];
}

/** The page's own colour is part of it: where it is shown is not always of the reader's scheme. */
function style() {
  const scheme = (name, page, ink, muted, grid) =>
    `.page{fill:${page}}text{fill:${ink}}.tick{fill:${muted}}.grid{stroke:${grid}}.axis,.target{stroke:${muted}}${COLOURS.map((colour, index) => `.series${index}{fill:${colour[name]};stroke:${colour[name]}}`).join('')}`;
  return [
    'text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}text.title{font-size:16px;font-weight:600}',
    'path{stroke-width:1}.line{fill:none;stroke-width:2}.target{stroke-dasharray:6 4}.end{text-anchor:end}.middle{text-anchor:middle}',
    scheme('light', '#ffffff', '#1c2128', '#57606a', '#e1e4e8'),
    `@media(prefers-color-scheme:dark){${scheme('dark', '#15191f', '#e6edf3', '#9aa4af', '#2b323b')}}`,
  ].join('');
}

const text = (kind, x, y, words) => `<text class="${kind}" x="${x}" y="${y}">${escaped(words)}</text>`;

const escaped = (words) =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const round = (value) => Math.round(value * 10) / 10;

/** 2500 → "2.5 k" */
function short(value) {
  for (const [unit, name] of [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ]) {
    if (Math.abs(value) >= unit) return `${Number((value / unit).toPrecision(4))}${name}`;
  }
  return String(Number(value.toPrecision(4)));
}
