import { type Span, SpanStatusCode, trace } from '@opentelemetry/api';

/** The payment provider's HTTP interface. It knows our order only by the reference we give. */
export type Charge = { id: string; reference: string; amountCents: number; atMs: number };

const charges = () => `${process.env.PROVIDER_URL}/charges`;

export function charge(reference: string, amountCents: number): Promise<Charge> {
  return trace.getTracer('shop').startActiveSpan('provider charge', async (span: Span) => {
    try {
      const response = await fetch(charges(), { method: 'POST', body: JSON.stringify({ reference, amountCents }) });
      if (!response.ok) throw new Error(`the payment provider answered ${response.status}`);
      return await response.json();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

export async function listCharges(): Promise<Charge[]> {
  const response = await fetch(charges(), { cache: 'no-store' });
  return response.json();
}
