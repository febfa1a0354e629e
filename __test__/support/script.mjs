// A few lines of JavaScript in a process of their own, for what only a whole process can show: how it ends, what keeps
// it alive, what a second thread or a second copy of the package does. It talks by lines on its standard output.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.mjs';
import { temporaryFolder } from './folder.mjs';
import { dieWithUs, hasEnded } from './reaper.mjs';

const PACKAGE = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url));
const UNHANDLED = fileURLToPath(new URL('./unhandled.mjs', import.meta.url));

/** What every script finds: `load()` for the package, `options` as given, `say(word)` for the test, `pause(ms)`. */
const PRELUDE = `
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import ${JSON.stringify(UNHANDLED)};
const require = createRequire(${JSON.stringify(PACKAGE)});
const PACKAGE = ${JSON.stringify(PACKAGE)};
const load = () => require(PACKAGE);
const options = JSON.parse(process.env.SCRIPT_OPTIONS);
const say = (word) => process.stdout.write(word + '\\n');
`;

class Script {
  #child;
  #output = '';
  #errors = '';

  constructor(child) {
    this.#child = child;
    dieWithUs(child.pid);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#errors += text;
    });
    /** Resolves to `{ code, signal, said, errors }` at the end of the process, `said` being the lines. */
    this.ended = once(child, 'close').then(([code, signal]) => {
      hasEnded(child.pid);
      return { code, signal, said: this.said, errors: this.#errors };
    });
  }

  get said() {
    return this.#output.split('\n').slice(0, -1);
  }

  /** Waits for a line. */
  async hears(word) {
    const isThere = () => this.said.includes(word) || this.#child.exitCode !== null || this.#child.signalCode !== null;
    await eventually(isThere, { withinMs: 20_000, everyMs: 2, what: `the script saying '${word}'` });
    if (!this.said.includes(word)) throw new Error(`the script ended without saying '${word}'\n${this.#errors}`);
  }

  /** To its standard input. */
  write(text) {
    this.#child.stdin.write(text);
  }

  signal(name) {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(name);
  }
}

/**
 * Starts a module's text; `options` is what the script finds under that name. It ends with its test at the latest, and
 * is killed when it has not ended by itself within `limitMs`: what hangs shows as the signal SIGKILL. `program` is the
 * runtime, and `folder` is where the script lies.
 */
export function startScript(test, text, more = {}) {
  const { options = {}, env = {}, args = [], limitMs = 20_000, program = process.execPath } = more;
  const file = path.join(more.folder ?? temporaryFolder('script'), 'script.mjs');
  fs.writeFileSync(file, PRELUDE + text);
  const { NODE_TEST_CONTEXT: _, ...outer } = process.env;
  const child = spawn(program, [...args, file], {
    env: { ...outer, ...env, SCRIPT_OPTIONS: JSON.stringify(options) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const script = new Script(child);
  const limit = setTimeout(() => script.signal('SIGKILL'), limitMs);
  test.after(() => {
    clearTimeout(limit);
    script.signal('SIGKILL');
    return script.ended;
  });
  return script;
}

/** Runs a module's text to its end. */
export const runScript = (test, text, more) => startScript(test, text, more).ended;
