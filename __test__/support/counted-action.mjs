// An action on a store of its own that counts its runs, and the hook for event handlers outside of a page.
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { useIdempotentCall } from '../../dist/react.mjs';
import { createTestClient } from '../../dist/testing.mjs';
import { next } from './next.mjs';

export function counted(t, options = {}, work = (input) => ({ ran: input })) {
  const client = options.client ?? createTestClient();
  t.after(() => client.close());
  const calls = [];
  const run = (input, ctx, ...more) => {
    calls.push({ input, ctx, more });
    return work(input, ctx);
  };
  const action = next.idempotentAction({ name: 'order', scope: () => 'ann', client, ...options }, run);
  return { action, calls, client };
}

/** What useIdempotentCall gives a component; nothing counts as a double click unless the options say so. */
export function calling(action, options) {
  let call;
  renderToString(
    createElement(() => {
      call = useIdempotentCall(action, { repeatAfterMs: 0, ...options });
      return null;
    }),
  );
  return call;
}
