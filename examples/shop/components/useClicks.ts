'use client';

import { useEffect, useState } from 'react';
import type { Lane } from '@/lib/journal';
import type { Keys } from '@/lib/live';

/** How often this tab has submitted each order, by its key, and the key each lane submitted last. */
export type Clicks = { counts: Record<string, number>; latest: Keys };

const STORED = 'shop:clicks';

/** Next mounts everything afresh when an action redirects: what is known by then must not flicker. */
let known: Clicks = { counts: {}, latest: {} };

/** Listens to what the forms send. It only counts: which key is sent is the business of `actonce/react`. */
export function useClicks(): Clicks {
  const [clicks, setClicks] = useState(known);
  useEffect(() => {
    function keep(now: Clicks) {
      known = now;
      setClicks(now);
    }
    function count({ target, formData }: FormDataEvent) {
      const lane = (target as HTMLFormElement).dataset.lane as Lane | undefined;
      const key = formData.get('idempotency-key');
      if (!lane || typeof key !== 'string') return;
      keep({
        counts: { ...known.counts, [key]: (known.counts[key] ?? 0) + 1 },
        latest: { ...known.latest, [lane]: key },
      });
      sessionStorage.setItem(STORED, JSON.stringify(known));
    }
    const stored = sessionStorage.getItem(STORED);
    if (stored) keep(JSON.parse(stored));
    document.addEventListener('formdata', count);
    return () => document.removeEventListener('formdata', count);
  }, []);
  return clicks;
}
