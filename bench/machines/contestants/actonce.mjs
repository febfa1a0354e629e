// The built package, through its public surface only. `keyed`: every event with an idempotencyKey.
import { createClient, defineStateMachine, InvalidTransitionError } from '../../../dist/index.cjs';
import { HISTORY_LIMIT, PAYMENT, RETENTION_MS, Refused } from '../payment.mjs';

export async function open({ url, keyed }) {
  const client = createClient({ url });
  const payment = defineStateMachine(PAYMENT, { client, historyLimit: HISTORY_LIMIT, retentionMs: RETENTION_MS });

  async function send(id, event, data, token) {
    try {
      return await payment.send(id, event, keyed ? { data, idempotencyKey: token } : { data });
    } catch (error) {
      throw error instanceof InvalidTransitionError ? new Refused(event, error.from) : error;
    }
  }

  async function look(id) {
    const { state, version, data, timeoutInMs } = await payment.get(id);
    const history = await payment.history(id);
    const timed = timeoutInMs !== undefined;
    return { state, version, data, entries: history.length, newest: history.at(-1).version, timed };
  }

  return { create: (id, data) => payment.create(id, { data }), send, look, close: () => client.close() };
}
