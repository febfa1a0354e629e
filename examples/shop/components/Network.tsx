'use client';

import { useState } from 'react';

const MODES = [
  { name: 'normal', label: 'No fault', what: 'Requests and answers arrive.' },
  {
    name: 'drop',
    label: 'Answer lost',
    what: 'The connection breaks before the answer. Chromium sends the POST again by itself; its DevTools show one request.',
  },
  {
    name: 'retry',
    label: 'Sent twice',
    what: 'An edge proxy does not hear the first answer and sends the request again.',
  },
  {
    name: 'together',
    label: 'Twice at once',
    what: 'An edge proxy sends two copies in parallel; the first answer counts.',
  },
  {
    name: 'slow',
    label: 'Slow',
    what: 'Answers take three seconds more. Do what people do: click, reload the page, click again.',
  },
];

/** One POST of a Server Action that reached the server, as the network saw it. */
export type Post = { id: number; key: string; sender: string; fate: string };
export type NetworkState = { mode: string; posts: Post[] };

/** The switch of the faulty network. */
export function Network({ state }: { state: NetworkState | undefined }) {
  const [chosen, setChosen] = useState<string>();
  const mode = chosen ?? state?.mode;
  if (chosen && chosen === state?.mode) setChosen(undefined); // it is set; from now on what is polled counts

  async function choose(name: string) {
    setChosen(name);
    await fetch('/network', { method: 'PUT', body: name });
  }

  return (
    <section className="network" aria-labelledby="network-title">
      <fieldset disabled={!state}>
        <legend id="network-title">The network between browser and server</legend>
        {MODES.map(({ name, label }) => (
          <label key={name}>
            <input
              type="radio"
              name="network"
              value={name}
              checked={name === mode}
              onChange={() => choose(name)}
              aria-describedby="network-fault"
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <p id="network-fault" role="status">
        {MODES.find(({ name }) => name === mode)?.what}
      </p>
      <noscript>
        <p>The switch and the live views need JavaScript. Ordering does not.</p>
      </noscript>
    </section>
  );
}
