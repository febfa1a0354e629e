// What the workloads have in common that keep a process under load for a while.
import { hundredths, tenths, thousands, whole } from '../results.mjs';
import { freshSlice } from '../team.mjs';

export const LOAD_COLUMNS = [
  ['ops/s', 'opsPerSecond', thousands],
  ['p50 µs', 'p50Us', whole],
  ['p99 µs', 'p99Us', whole],
  ['p99.9 µs', 'p999Us', whole],
  ['CPU µs/op', 'cpuUs', tenths],
  ['of it JS thread', 'jsCpuUs', tenths],
  ['loop delay ms', 'delayMs', tenths],
  ['bytes/op on the wire', 'wireBytes', whole],
  ["Redis' CPU µs/op", 'redisCpuUs', hundredths],
];

/** What a load may leave in Redis: large results are recorded less often. */
const MAX_STORED_BYTES = 100e6;
const MAX_OPS = 100_000;
export const maxOpsOf = ({ bytes = 0 }) => Math.min(MAX_OPS, Math.floor(MAX_STORED_BYTES / Math.max(bytes, 1)));

/** @param process one of the team's, which is under load */
export async function loaded({ contestant, redis }, process, request) {
  const { value, cpuUs, wireBytes } = await redis.spentOn(() => process.ask('load', request));
  const { ops, executions, ...figures } = value;
  const ofRedis = contestant.embedded ? {} : { wireBytes: wireBytes / ops, redisCpuUs: cpuUs / ops };
  return { ops, executions, figures: { ...figures, ...ofRedis } };
}

/** Fresh keys for as long as a slice lasts. */
export async function freshLoad(team, process, request, { sliceMs }) {
  const slice = { slice: freshSlice(), forMs: sliceMs, maxOps: maxOpsOf(request) };
  const { ops, executions, figures } = await loaded(team, process, { ...slice, ...request });
  if (executions !== ops) throw new Error(`ran ${executions} times for ${ops} fresh keys`);
  return figures;
}

const SMOKE_KEYS = 20;

/** Whether keys run once that come twice at once, and again, here and from a process that is under no load. */
export async function checkOnce(team, process, request) {
  const { inFlight, bytes } = request;
  const keys = Math.max(SMOKE_KEYS, inFlight);
  const slice = freshSlice();
  let { executions } = await process.ask('duplicates', { slice, keys, inFlight, bytes });
  if (!team.contestant.embedded) {
    const other = await team.member(2);
    executions += (await other.ask('load', { slice, inFlight, maxOps: keys, bytes, compared: true })).executions;
  }
  if (executions !== keys) throw new Error(`ran ${executions} times for ${keys} keys`);
}
