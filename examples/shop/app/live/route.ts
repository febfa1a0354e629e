import type { NextRequest } from 'next/server';
import { readLive } from '@/lib/live';

/** What the page asks for again and again: `?naive=<key>&actonce=<key>`, each optional. */
export async function GET({ nextUrl }: NextRequest): Promise<Response> {
  const keyOf = (lane: string) => /^[\w-]{1,64}$/.exec(nextUrl.searchParams.get(lane) ?? '')?.[0];
  return Response.json(await readLive({ naive: keyOf('naive'), actonce: keyOf('actonce') }));
}
