// What an operation works on: its key and its result.

/** Keys of one slice have one length, that of a UUID; a slice names its own, so that every key of a run is fresh. */
export const keyOf = (slice, n) => slice.padEnd(26, '-') + (1_000_000_000 + n);

const ITEM = { sku: 'TSHIRT-M-BLUE', count: 2, cents: 1999 };
const byteLength = (order) => JSON.stringify(order).length;

/** An order, so many bytes long as JSON: as many items as fit, and a note for the rest. */
export function resultOf(bytes) {
  const order = { orderId: 'ord_01HZX3M9QK7T', status: 'paid', items: [], note: '' };
  const fitting = Math.floor((bytes - byteLength(order)) / (byteLength(ITEM) + 1));
  order.items = Array.from({ length: fitting }, () => ({ ...ITEM }));
  order.note = 'x'.repeat(bytes - byteLength(order));
  return order;
}

export const USUAL_BYTES = 250;
