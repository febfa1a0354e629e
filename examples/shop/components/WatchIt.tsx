'use client';

import { useEffect, useState } from 'react';

const LANES = ['naive', 'actonce'] as const;
const LOOK_MS = 100;

let playing = false; // here, since Next mounts everything afresh when an action redirects

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const formOf = (lane: string) => document.querySelector<HTMLFormElement>(`form[data-lane=${lane}]`);

/** Clicks the two buttons, one after the other, as a person would: the requests are real. */
async function play() {
  playing = true;
  for (const lane of LANES) {
    const form = formOf(lane);
    form?.parentElement?.querySelector('.verdict')?.scrollIntoView({ block: 'nearest' });
    form?.querySelector('button')?.click();
    do await pause(LOOK_MS);
    while (formOf(lane)?.ariaBusy === 'true');
  }
  playing = false;
}

export function WatchIt() {
  const [isPlaying, setPlaying] = useState(playing);
  useEffect(() => {
    const look = setInterval(() => setPlaying(playing), LOOK_MS);
    return () => clearInterval(look);
  }, []);
  return (
    <button type="button" className="watch" aria-disabled={isPlaying} onClick={() => !playing && play()}>
      <span aria-hidden="true">▶ </span>
      {isPlaying ? 'Clicking for you…' : 'Watch: one click on each side'}
    </button>
  );
}
