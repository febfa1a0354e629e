// Starts such processes, and runs a curve with a server and callers that end with it.
import { ContestantProcess } from '../process.mjs';
import { Server } from './server.mjs';

const PROGRAM = new URL('./caller.mjs', import.meta.url);

/** What a curve has opened. */
export class Stage {
  #open = [];

  async server() {
    const server = await Server.start();
    this.#open.push(server);
    return server;
  }

  /** @param options of its client, besides the url */
  async caller(url, options = {}) {
    const contestant = { name: 'actonce', file: 'growth', options };
    const caller = await ContestantProcess.start(contestant, url, PROGRAM);
    this.#open.push(caller);
    return caller;
  }

  /** Callers first: their last words go to a server that is there. */
  async clear() {
    for (const one of this.#open.splice(0).reverse()) await one.stop();
  }
}

/** Runs `measure(stage)` and clears the stage, whatever happens. */
export async function onStage(measure) {
  const stage = new Stage();
  try {
    return await measure(stage);
  } finally {
    await stage.clear();
  }
}
