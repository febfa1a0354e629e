import { readLedger } from '@/lib/ledger';

/** What the page asks for every second. */
export async function GET(): Promise<Response> {
  return Response.json(await readLedger());
}
