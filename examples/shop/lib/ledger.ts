import { type Attempt, type Lane, noted } from './journal';
import { type Charge, listCharges } from './provider';

/** One order a customer meant to place, known by its key: the requests that reached the action, and the money taken. */
export type Intent = { key: string; atMs: number; attempts: Attempt[]; charges: Charge[] };
export type Ledger = Record<Lane, Intent[]>;

export async function readLedger(): Promise<Ledger> {
  const [attempts, charges] = await Promise.all([noted('attempts'), listCharges()]);
  return { naive: intents('naive', attempts, charges), actonce: intents('actonce', attempts, charges) };
}

/** Newest first. */
function intents(lane: Lane, attempts: Attempt[], charges: Charge[]): Intent[] {
  const byKey = new Map<string, Intent>();
  const intentOf = (key: string, atMs: number) => {
    const intent = byKey.get(key) ?? { key, atMs, attempts: [], charges: [] };
    byKey.set(key, intent);
    intent.atMs = Math.min(intent.atMs, atMs);
    return intent;
  };
  for (const attempt of attempts) {
    if (attempt.lane === lane) intentOf(attempt.key, attempt.atMs).attempts.push(attempt);
  }
  for (const charge of charges) {
    const [chargedLane, key] = charge.reference.split('/');
    if (chargedLane === lane) intentOf(key, charge.atMs).charges.push(charge);
  }
  return [...byKey.values()].sort((one, other) => other.atMs - one.atMs);
}
