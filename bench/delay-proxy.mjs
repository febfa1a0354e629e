// A longer way to Redis: builds and starts delay-proxy.rs, which ends with us. The proxy that the tests use delays replies by
// whole milliseconds and one after the other, which leaves 1 k commands/s at 64 in flight; this one 43 k at 0.5 ms.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { root, run } from '../scripts/step.mjs';

const source = fileURLToPath(new URL('./delay-proxy.rs', import.meta.url));
const program = path.join(root, 'target', 'delay-proxy');

async function build() {
  const isNew = fs.existsSync(program) && fs.statSync(program).mtimeMs > fs.statSync(source).mtimeMs;
  if (isNew) return;
  fs.mkdirSync(path.dirname(program), { recursive: true });
  await run('rustc', ['--edition', '2024', '-O', '-o', program, source]);
}

class DelayProxy {
  #child;
  #lines;

  constructor(child) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async answer() {
    return (await this.#lines.next()).value;
  }

  /** What a round trip takes longer from now on. */
  async delay(roundTripMs) {
    this.#child.stdin.write(`${Math.round(roundTripMs * 1000)}\n`);
    await this.answer();
  }

  async stop() {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    await gone;
  }
}

/** @param target host and port of the server behind it */
export async function startDelayProxy({ host, port }) {
  await build();
  const child = spawn(program, [`${host}:${port}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  const proxy = new DelayProxy(child);
  proxy.url = `redis://127.0.0.1:${await proxy.answer()}`;
  return proxy;
}
