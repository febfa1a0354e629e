// Draws line charts, side by side, both axes logarithmic, each line labelled at its end. Light and dark by the reader's
// own preference; it has a background of its own, so that it is readable wherever it is shown.

const WIDTH = 1120;
const HEIGHT = 504;
const PANEL = { left: 56, top: 122, width: 300, height: 318, stride: 556 };
const LABEL = { gap: 40, swatch: 14, height: 15 };

/** Of the lines of others; told apart in both schemes, and each is labelled. */
const PEERS = ['#4e79a7', '#b07aa1', '#59a14f', '#edaa2f', '#9c755f', '#2aa7a0', '#d4708a', '#8a8f98'];

const STYLE = `
  svg { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #e4e7eb; --ours: #d1242f; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #262c36; --ours: #ff6a69; }
  }
  text { font: 12px system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; fill: var(--ink); }
  .title { font-size: 17px; font-weight: 600; }
  .subtitle, .tick, .axis { fill: var(--faint); }
  .panel { font-size: 13px; font-weight: 600; }
  .grid { stroke: var(--grid); stroke-width: 1; }
  .line, .leader { fill: none; stroke: var(--line); stroke-linejoin: round; stroke-linecap: round; }
  .line { stroke-width: 1.6; }
  .leader { stroke-width: 1; opacity: 0.7; }
  circle { fill: var(--line); }
  .ours .line { stroke-width: 3; }
  .ours .name { fill: var(--line); font-weight: 600; }`;

/** @param panels `{ title, lines: [{ name, ours, colour, dashes, points: [{ x, y }] }] }`; all share their x */
export function drawChart({ title, subtitles, xTitle, panels }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}
</style>
<rect width="${WIDTH}" height="${HEIGHT}" rx="6" style="fill: var(--paper)"/>
${text(20, 34, title, 'title')}
${subtitles.map((line, n) => text(20, 56 + 18 * n, line, 'subtitle')).join('\n')}
${panels.map((panel, n) => drawPanel(panel, n * PANEL.stride, xTitle)).join('\n')}
</svg>
`;
}

function drawPanel({ title, lines }, shift, xTitle) {
  const xs = lines[0].points.map(({ x }) => x);
  const ys = lines.flatMap(({ points }) => points.map(({ y }) => y));
  const yTicks = ticks(Math.min(...ys), Math.max(...ys));
  const bottom = PANEL.top + PANEL.height;
  const toX = logarithmic([xs[0], xs.at(-1)], [PANEL.left, PANEL.left + PANEL.width]);
  const toY = logarithmic([yTicks[0], yTicks.at(-1)], [bottom, PANEL.top]);
  const right = PANEL.left + PANEL.width;
  const grid = [
    ...yTicks.map(
      (y) => rule(PANEL.left, toY(y), right, toY(y)) + text(PANEL.left - 8, toY(y) + 4, grouped(y), 'tick', 'end'),
    ),
    ...xs.map((x) => rule(toX(x), PANEL.top, toX(x), bottom) + text(toX(x), bottom + 20, grouped(x), 'tick', 'middle')),
  ];
  return `<g transform="translate(${shift} 0)">
${text(20, PANEL.top - 18, title, 'panel')}
${grid.join('\n')}
${text(PANEL.left + PANEL.width / 2, bottom + 44, xTitle, 'axis', 'middle')}
${drawLines(lines, toX, toY).join('\n')}
</g>`;
}

/** Ours last, so that they lie above the others. */
function drawLines(lines, toX, toY) {
  const drawn = [...lines]
    .sort((a, b) => Boolean(a.ours) - Boolean(b.ours))
    .map((line) => {
      const points = line.points.map(({ x, y }) => ({ x: toX(x), y: toY(y) }));
      return { ...line, points, end: points.at(-1) };
    });
  const labels = apart(drawn.map(({ end }) => end.y));
  return drawn.map(({ name, points, end, ours, colour, dashes = '' }, n) => {
    const label = { x: end.x + LABEL.gap, y: labels[n] };
    const swatch = { x: label.x - LABEL.swatch, y: label.y };
    return [
      `<g class="${ours ? 'ours' : 'peer'}" style="--line: ${ours ? 'var(--ours)' : PEERS[colour % PEERS.length]}">`,
      path('line', points, dashes),
      ...points.map(({ x, y }) => `<circle cx="${tenth(x)}" cy="${tenth(y)}" r="2.6"/>`),
      path('leader', [{ x: end.x + 6, y: end.y }, swatch]),
      path('line', [swatch, { x: label.x - 4, y: label.y }]),
      text(label.x + 2, label.y + 4, name, 'name'),
      '</g>',
    ].join('\n');
  });
}

/** Where labels go that want to be at `wanted`: in this order, and around their middle where they would touch. */
function apart(wanted) {
  const order = wanted.map((y, n) => ({ y, n })).sort((a, b) => a.y - b.y);
  const groups = [];
  for (const label of order) {
    groups.push({ labels: [label], middle: label.y });
    while (groups.length > 1 && touch(...groups.slice(-2))) {
      const labels = groups.splice(-2).flatMap((group) => group.labels);
      groups.push({ labels, middle: labels.reduce((sum, { y }) => sum + y, 0) / labels.length });
    }
  }
  const placed = [];
  for (const { labels, middle } of groups) {
    const first = middle - (LABEL.height * (labels.length - 1)) / 2;
    for (const [place, { n }] of labels.entries()) placed[n] = first + LABEL.height * place;
  }
  return placed;
}

const touch = (above, below) =>
  below.middle - above.middle < (LABEL.height * (above.labels.length + below.labels.length)) / 2;

/** 1, 2, 5, 10, … from below the least to above the greatest. */
function ticks(least, greatest) {
  const all = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(greatest)); power++) {
    for (const digit of [1, 2, 5]) all.push(Number((digit * 10 ** power).toPrecision(1)));
  }
  const first = all.findLastIndex((tick) => tick <= least);
  const last = all.findIndex((tick) => tick >= greatest);
  return all.slice(first, last + 1);
}

function logarithmic([from, to], [start, end]) {
  const whole = Math.log(to / from);
  return (value) => start + ((end - start) * Math.log(value / from)) / whole;
}

const tenth = (value) => Number(value.toFixed(1));
const grouped = (value) => value.toLocaleString('en-US');
const escaped = (words) => String(words).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function path(kind, points, dashes = '') {
  const at = points.map(({ x, y }) => `${tenth(x)},${tenth(y)}`).join(' ');
  return `<polyline class="${kind}" points="${at}"${dashes && ` stroke-dasharray="${dashes}"`}/>`;
}

function rule(x1, y1, x2, y2) {
  return `<line class="grid" x1="${tenth(x1)}" y1="${tenth(y1)}" x2="${tenth(x2)}" y2="${tenth(y2)}"/>`;
}

function text(x, y, words, kind, anchor = 'start') {
  return `<text class="${kind}" x="${tenth(x)}" y="${tenth(y)}" text-anchor="${anchor}">${escaped(words)}</text>`;
}
