// The two commands with valkey-glide, whose sockets live on native threads. Its limit of 1,000 requests in flight and
// its timeout of 250 ms are raised: the benchmark has more in flight.
import { GlideClient, Script, TimeUnit } from '@valkey/valkey-glide';
import { COMPLETE_LUA, twoCommands } from './two-commands.mjs';

export async function open({ url }) {
  const { hostname: host, port } = new URL(url);
  const client = await GlideClient.createClient({
    addresses: [{ host, port: Number(port) }],
    inflightRequestsLimit: 20_000,
    requestTimeout: 30_000,
  });
  const script = new Script(COMPLETE_LUA);
  const once = twoCommands({
    claim: (record, text, retentionMs) =>
      client.set(record, text, {
        conditionalSet: 'onlyIfDoesNotExist',
        returnOldValue: true,
        expiry: { type: TimeUnit.Milliseconds, count: Number(retentionMs) },
      }),
    complete: (record, ...args) => client.invokeScript(script, { keys: [record], args }),
  });
  return { once, close: () => client.close() };
}
