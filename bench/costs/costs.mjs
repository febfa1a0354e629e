// What a call costs in counts, which do not depend on how busy a machine is, and how they compare with those committed.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { startRedis } from '../../__test__/support/redis.mjs';
import { platform } from '../../scripts/platform.mjs';
import { findProgram } from '../../scripts/prepare.mjs';
import { countHeap } from './heap.mjs';
import { countInstructions } from './instructions.mjs';
import { countWire } from './wire.mjs';

const FILE = new URL('./costs.json', import.meta.url);

/** How far a figure may be from the committed one, as a share of it; the others are exact. */
const TOLERANCE = {
  'instructions of the addon': 0.03,
  'instructions of the thread': 0.01,
  'allocations by the addon': 0.02,
  'bytes of V8': 0.01,
};

/** What is counted together. `dependsOn`: what the figures are different for. */
export const GROUPS = {
  wire: { count: countWire, dependsOn: ['redis'] },
  heap: { count: countHeap, dependsOn: ['platform', 'node', 'redis'] },
  instructions: { count: countInstructions, dependsOn: ['platform', 'node', 'rustc', 'redis'], needs: 'valgrind' },
};

export const committed = () => JSON.parse(fs.readFileSync(FILE, 'utf8'));

/** What figures depend on, as it is here. */
export async function circumstances(server) {
  const version = (text) => /\d+\.\d+/.exec(text)[0];
  const info = await server.send('INFO', 'server');
  return {
    platform: platform(),
    node: process.versions.node.split('.')[0],
    rustc: version(execFileSync('rustc', ['--version'], { encoding: 'utf8' })),
    redis: info.includes('valkey_version') ? 'Valkey' : version(/redis_version:(.*)/.exec(info)[1]),
  };
}

/** Why a group cannot be compared here. */
export function reasonToSkip(name, here, { countedWith }) {
  const { needs, dependsOn } = GROUPS[name];
  if (needs !== undefined && !findProgram(needs)) return `${needs} is not installed`;
  const others = dependsOn.filter((what) => here[what] !== countedWith[what]);
  const say = (of) => others.map((what) => `${what} ${of[what]}`).join(', ');
  return others.length === 0 ? undefined : `counted with ${say(countedWith)}, not with ${say(here)}`;
}

/** A server of its own, as empty as that of the committed figures was. */
export async function withServer(work) {
  const server = await startRedis();
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** One line for each figure that is not as committed. */
export function differences(expected, measured) {
  const lines = [];
  for (const call of new Set([...Object.keys(expected), ...Object.keys(measured)])) {
    const [before, now] = [expected[call] ?? {}, measured[call] ?? {}];
    for (const figure of new Set([...Object.keys(before), ...Object.keys(now)])) {
      if (isNear(before[figure], now[figure], TOLERANCE[figure] ?? 0)) continue;
      lines.push(
        `${call}, ${figure}: ${before[figure]} committed, ${now[figure]} now${inPercent(before[figure], now[figure])}`,
      );
    }
  }
  return lines;
}

function isNear(before, now, tolerance) {
  if (typeof before !== 'number' || typeof now !== 'number') return before === now;
  return Math.abs(now - before) <= tolerance * before;
}

function inPercent(before, now) {
  const share = (100 * (now - before)) / before;
  return Number.isFinite(share) ? ` (${share > 0 ? '+' : ''}${share.toFixed(1)} %)` : '';
}

export function commit(countedWith, groups) {
  fs.writeFileSync(FILE, `${JSON.stringify({ countedWith, ...groups }, null, 2)}\n`);
}
