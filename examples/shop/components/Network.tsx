'use client';

import { useState } from 'react';
import { usePolled } from './usePolled';

const MODES = [
  { name: 'normal', label: 'Normal', what: 'Requests and answers arrive.' },
  {
    name: 'drop',
    label: 'Lose the answer',
    what: 'The action runs, then the connection breaks before its answer. Chromium sends the POST again by itself: one click, two requests, and nothing to see in DevTools.',
  },
  {
    name: 'retry',
    label: 'Send twice',
    what: 'An edge proxy does not hear the first answer and sends the request again.',
  },
  {
    name: 'together',
    label: 'Send twice at once',
    what: 'An edge proxy sends two copies in parallel; the first answer counts.',
  },
  {
    name: 'slow',
    label: 'Slow',
    what: 'Answers take three seconds more. Do what people do: click, reload the page, click again.',
  },
];

type Wire = { atMs: number; connection: number; reused: boolean; what: string };
type State = { mode: string; wire: Wire[] };

/** The switch of the faulty network, and what it did to the last requests of Server Actions. */
export function Network() {
  const state = usePolled<State>('/network');
  const [chosen, setChosen] = useState<string>();
  const mode = chosen ?? state?.mode ?? 'normal';

  async function choose(name: string) {
    setChosen(name);
    await fetch('/network', { method: 'PUT', body: name });
  }

  return (
    <section className="network" aria-labelledby="network-title">
      <fieldset>
        <legend id="network-title">The network</legend>
        {MODES.map(({ name, label }) => (
          <label key={name}>
            <input type="radio" name="network" value={name} checked={name === mode} onChange={() => choose(name)} />
            {label}
          </label>
        ))}
      </fieldset>
      <p role="status">{MODES.find(({ name }) => name === mode)?.what}</p>
      {state && (
        <details>
          <summary>What it did to the last requests</summary>
          <ol>
            {state.wire.map(({ atMs, connection, reused, what }) => (
              <li key={`${atMs}/${connection}`}>
                POST on connection {connection} ({reused ? 'reused' : 'fresh'}): {what}
              </li>
            ))}
          </ol>
        </details>
      )}
    </section>
  );
}
