/** The payment provider's HTTP interface. It knows our order only by the reference we give. */
export type Charge = { id: string; reference: string; amountCents: number; atMs: number };

const charges = () => `${process.env.PROVIDER_URL}/charges`;

export async function charge(reference: string, amountCents: number): Promise<Charge> {
  const response = await fetch(charges(), { method: 'POST', body: JSON.stringify({ reference, amountCents }) });
  if (!response.ok) throw new Error(`the payment provider answered ${response.status}`);
  return response.json();
}

export async function listCharges(): Promise<Charge[]> {
  const response = await fetch(charges(), { cache: 'no-store' });
  return response.json();
}
