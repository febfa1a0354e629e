// Results of a given form and size. The same for the same arguments, so that a replay can be compared.

const FORMS = {
  text: (bytes) => 'abcdefghij'.repeat(Math.ceil(bytes / 10)).slice(0, bytes),
  /** Three bytes a character. */
  'Japanese text': (bytes) => 'すべての注文は一度だけ'.repeat(Math.ceil(bytes / 33)).slice(0, Math.ceil(bytes / 3)),
  Buffer: (bytes) => Buffer.from({ length: bytes }, (_, at) => (at * 7919) & 255),
  'JSON objects': orders,
  /** What JSON cannot carry takes devalue's form. */
  'objects with Dates': (bytes) => orders(bytes / 2).map((order) => ({ ...order, at: new Date(order.cents) })),
};

function orders(bytes) {
  const one = (n) => ({ id: `o_${(n * 7919 + 1_000_000).toString(36)}`, cents: (n * 31) % 65_536 });
  return Array.from({ length: Math.max(1, Math.round(bytes / 30)) }, (_, n) => one(n));
}

const made = new Map();

export function resultOf(form, bytes) {
  const name = `${form} ${bytes}`;
  if (!made.has(name)) made.set(name, FORMS[form](bytes));
  return made.get(name);
}
