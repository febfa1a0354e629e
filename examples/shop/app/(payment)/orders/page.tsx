import { PaymentDiagram } from '@/components/PaymentDiagram';
import { drawn } from '@/lib/payment-now';

export default function NoPaymentYet() {
  return (
    <main className="payment">
      <section className="card" aria-labelledby="payment-title">
        <h2 id="payment-title">The machine</h2>
        <p>Press “New order” for a payment of your own.</p>
        <PaymentDiagram drawn={drawn} />
      </section>
    </main>
  );
}
