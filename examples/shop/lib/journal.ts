import { randomUUID } from 'node:crypto';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cart } from './cart';

/** Orders and attempts, one JSON line each, in files that only grow. */
export type Lane = 'naive' | 'actonce';
export type Order = { id: string; lane: Lane; key: string; cart: Cart; amountCents: number; chargeId: string };
/** One request that reached the action, and what came of it. */
export type Attempt = { id: string; lane: Lane; key: string; outcome: string; atMs: number };

type Files = { orders: Order; attempts: Attempt };

function fileOf(name: keyof Files): string {
  const folder = process.env.SHOP_DATA;
  if (!folder) throw new Error('SHOP_DATA must name the folder for orders and attempts: start the shop by run.mjs');
  return join(folder, `${name}.jsonl`);
}

export async function note<Name extends keyof Files>(name: Name, line: Files[Name]): Promise<void> {
  await appendFile(fileOf(name), `${JSON.stringify(line)}\n`);
}

export async function noted<Name extends keyof Files>(name: Name): Promise<Files[Name][]> {
  const text = await readFile(fileOf(name), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

export function noteAttempt(lane: Lane, key: string, outcome: string): Promise<void> {
  return note('attempts', { id: randomUUID(), lane, key, outcome, atMs: Date.now() });
}
