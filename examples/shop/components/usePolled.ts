'use client';

import { useEffect, useState } from 'react';

const PAUSE_MS = 250;

/** Next mounts everything afresh when an action redirects: what is known by then must not flicker. */
const latest = new Map<string, unknown>();

/**
 * What a JSON resource says now, asked again and again.
 * @param path of the resource @param query may change, as its answers do
 */
export function usePolled<Value>(path: string, query = '', initially?: Value): Value | undefined {
  const [value, setValue] = useState((latest.get(path) as Value | undefined) ?? initially);
  useEffect(() => {
    const stop = new AbortController();
    async function poll() {
      const response = await fetch(path + query, { cache: 'no-store', signal: stop.signal }).catch(() => undefined);
      const answer = response?.ok ? await response.json().catch(() => undefined) : undefined;
      if (stop.signal.aborted) return;
      if (answer !== undefined) {
        latest.set(path, answer);
        setValue(answer);
      }
      setTimeout(poll, PAUSE_MS);
    }
    poll();
    return () => stop.abort();
  }, [path, query]);
  return value;
}
