import type { NextRequest } from 'next/server';
import { paymentOf } from '@/lib/payment-now';

/** What the page of a payment asks for again and again. */
export async function GET(_request: NextRequest, { params }: { params: Promise<{ id: string }> }): Promise<Response> {
  const now = await paymentOf((await params).id);
  return now ? Response.json(now) : Response.json(null, { status: 404 });
}
