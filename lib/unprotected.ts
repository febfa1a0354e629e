/**
 * A run with nothing behind it: idempotency is switched off for this call. No claim, no record, no store; `fn` sees a
 * context that says so.
 */
import type { Call } from './call';
import { Context, type ContextSource, running } from './context';
import { identityOf } from './identity';
import type { Settled } from './results';
import { endingOfThrown } from './thrown';

export async function runUnprotected({ client, key, fn, options }: Call): Promise<Settled> {
  // The key is looked at only when something is derived from it: without one, `skip` lets a call through.
  const source: ContextSource = {
    key,
    deriveKey: (name) => client.binding.deriveKey(identityOf(key, options?.scope), name),
    hash: () => client.binding.hash(identityOf(key, options?.scope)),
  };
  const context = new Context(source, undefined);
  const run = { context, space: client.space, identity: '', outer: running.getStore(), isActive: false };
  try {
    const value = await running.run(run, fn, context);
    return { status: 'executed', attempt: 1, ending: { kind: 'value', value } };
  } catch (thrown) {
    const ending = endingOfThrown(thrown);
    if (ending === undefined) throw thrown;
    return { status: 'executed', attempt: 1, ending };
  }
}
