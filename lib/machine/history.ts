/** An entry of an instance's history, as the addon shows it and as it is given to the caller. */
import type { HistoryEntry } from '../../index';
import type { Instances } from './instances';

export interface HistoryText {
  readonly version: number;
  readonly atMs: number;
  readonly event: string | null;
  readonly afterMs: number | null;
  readonly from: string;
  readonly state: string;
  readonly payload: string | null;
}

export function readHistory(entry: HistoryText, instances: Instances): HistoryEntry<string, string> {
  const { version, event, afterMs, from, state, payload } = entry;
  const step = { version, at: new Date(entry.atMs), state };
  if (event !== null) {
    return { type: 'event', ...step, event, payload: payload === null ? undefined : instances.decode(payload), from };
  }
  return afterMs === null ? { type: 'created', ...step } : { type: 'after', ...step, afterMs, from };
}
