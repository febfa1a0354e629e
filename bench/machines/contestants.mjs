// Who takes part in the benchmark of state machines. `name` is what reports and targets call it.

export const ACTONCE = 'actonce';
/** Which the target is set against. */
export const BY_HAND = ['WATCH/MULTI, ioredis', 'Lua, ioredis, autopipelining', 'Lua, ioredis', 'Lua, node-redis'];

/** bare: state, version and data only; neither token nor history nor timer nor expiry. */
const byHand = (bare) => {
  const name = (of) => (bare ? `bare ${of}` : of);
  return [
    { name: name(BY_HAND[0]), file: 'watch-ioredis', options: { bare }, bare, transactions: true },
    { name: name(BY_HAND[1]), file: 'lua-ioredis', options: { bare, autoPipelining: true }, bare },
    { name: name(BY_HAND[2]), file: 'lua-ioredis', options: { bare, autoPipelining: false }, bare },
    { name: name(BY_HAND[3]), file: 'lua-node-redis', options: { bare }, bare },
  ];
};

/** file: under contestants/; options: what its `open` gets beside the url. */
export const CONTESTANTS = [
  ...byHand(false),
  { name: ACTONCE, file: 'actonce', options: { keyed: true } },
  { name: 'actonce, no idempotencyKey', file: 'actonce', options: { keyed: false }, unkeyed: true },
  ...byHand(true),
];
