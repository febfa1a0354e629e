// Starts and talks to the process of one contestant, so that CPU time belongs to one contestant only.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ONCE = new URL('./contestant.mjs', import.meta.url);

export class ContestantProcess {
  #child;
  #waiting = new Map();
  #lastId = 0;

  /** @param program the URL of what runs in the process: it answers as answers.mjs does */
  static async start({ name, file, options, embedded }, url, program = ONCE) {
    const started = new ContestantProcess();
    const argument = JSON.stringify({ url: embedded ? 'memory:' : url, ...options });
    // Production, as a server runs: development checks are no part of what is measured.
    const env = { ...process.env, NODE_ENV: 'production' };
    const child = fork(fileURLToPath(program), [file, argument], { env });
    started.#child = child;
    const ready = started.#answer(0);
    child.on('message', ({ id, answer, error }) => {
      const waiting = started.#waiting.get(id);
      started.#waiting.delete(id);
      if (error) waiting.reject(new Error(`${name}: ${error}`));
      else waiting.resolve(answer);
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of started.#waiting.values()) reject(new Error(`${name} ended with ${signal ?? code}`));
    });
    started.coldMs = (await ready).coldMs;
    return started;
  }

  /** @param what a function that the program answers with, as those of measure.mjs */
  ask(what, request) {
    const id = ++this.#lastId;
    this.#child.send({ id, what, request });
    return this.#answer(id);
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }

  #answer(id) {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}
