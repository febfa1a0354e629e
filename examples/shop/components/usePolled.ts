'use client';

import { useEffect, useState } from 'react';

const PAUSE_MS = 700;

/** Next mounts everything afresh when an action redirects: what is known by then must not flicker. */
const latest = new Map<string, unknown>();

/** What a JSON resource says now, asked again and again; undefined until the first answer. */
export function usePolled<Value>(url: string): Value | undefined {
  const [value, setValue] = useState(latest.get(url) as Value | undefined);
  useEffect(() => {
    const stop = new AbortController();
    async function poll() {
      const response = await fetch(url, { cache: 'no-store', signal: stop.signal }).catch(() => undefined);
      if (response?.ok) {
        latest.set(url, await response.json());
        setValue(latest.get(url) as Value);
      }
      if (!stop.signal.aborted) setTimeout(poll, PAUSE_MS);
    }
    poll();
    return () => stop.abort();
  }, [url]);
  return value;
}
