'use client';

/** An action that threw, or an answer that never came. The key is kept, so trying again is the same order. */
export default function OrderUnconfirmed({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <main className="page">
      <h1>We could not confirm your order</h1>
      <p className="lede">Order it again: until its outcome is known, it counts as the same order.</p>
      <p>
        <small>Reference: {error.digest ?? error.message}</small>
      </p>
      <button type="button" onClick={reset}>
        Back to the shop
      </button>
    </main>
  );
}
