/**
 * A run with nothing behind it: idempotency is switched off for this call. No claim, no record, no store; `fn` sees a
 * context that says so.
 */

import { hideInner } from '../errors';
import { endingOfThrown } from '../outcome/control-flow';
import { endingOfReturned } from '../outcome/finished';
import type { Settled } from '../outcome/results';
import type { Call } from './call';
import { Context, type ContextSource, running } from './context';
import { identityOf, isKey } from './identity';

export async function runUnprotected({ host, key, fn, options, observation, retentionMs }: Call): Promise<Settled> {
  // `skip` lets a call through without a key, so the key is looked at only when something is derived from it.
  const source: ContextSource = {
    key,
    retentionMs,
    deriveKey: (name) => host.binding.deriveKey(identityOf(key, options?.scope), name),
    hash: () => (isKey(key) ? host.binding.hash(identityOf(key, options?.scope)) : undefined),
  };
  const context = new Context(source, undefined);
  const run = { context, space: host.space, identity: '', outer: running.getStore(), isActive: false };
  try {
    const start = () => running.run(run, fn, context);
    const value = await (observation === undefined ? start() : observation.run(start));
    return { status: 'executed', attempt: 1, ending: endingOfReturned(value) };
  } catch (thrown) {
    hideInner(thrown, source.hash);
    const ending = endingOfThrown(thrown);
    if (ending === undefined) throw thrown;
    return { status: 'executed', attempt: 1, ending };
  }
}
