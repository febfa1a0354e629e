// A Next.js app of __test__/fixtures as a user would have it: its own packages, actonce installed from the packed
// tarball, built for production and started as real processes.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { prepareModules } from '../../scripts/prepare.mjs';
import { root } from '../../scripts/step.mjs';
import { eventually } from './eventually.mjs';
import { temporaryFolder } from './folder.mjs';
import { installActonce } from './install.mjs';
import { dieWithUs, hasEnded } from './reaper.mjs';

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Folders with actonce in them, and what was built: once a process is enough, whoever asks. */
const done = new Set();

async function once(what, work) {
  if (done.has(what)) return;
  await work();
  done.add(what);
}

export class NextApp {
  #folder;
  #env;
  #ledger = path.join(temporaryFolder('ledger'), 'ledger.jsonl');
  #children = new Set();

  /** @param name a folder of __test__/fixtures @param env of builds and servers */
  static async prepare(name, env = {}) {
    const app = new NextApp();
    app.#folder = path.join(root, '__test__/fixtures', name);
    await once(app.#folder, async () => {
      await prepareModules(app.#folder);
      await installActonce(app.#folder);
    });
    const { NODE_TEST_CONTEXT: _, REDIS_URL: __, ACTONCE_URL: ___, NODE_ENV: ____, ...clean } = process.env;
    app.#env = { ...clean, NEXT_TELEMETRY_DISABLED: '1', LEDGER: app.#ledger, ...env };
    return app;
  }

  get #next() {
    return path.join(this.#folder, 'node_modules/next/dist/bin/next');
  }

  /** @param form which of the app's builds, see its next.config.mjs */
  build(form = 'plain') {
    return once(`${this.#folder} ${form}`, () => {
      const env = { ...this.#env, APP_FORM: form };
      const options = { cwd: this.#folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
      try {
        execFileSync(process.execPath, [this.#next, 'build'], options);
      } catch (error) {
        throw new Error(`next build failed:\n${error.stdout}\n${error.stderr}`, { cause: error });
      }
    });
  }

  /** A server process, ready to answer. `stderr()` is what it has written. */
  async start(form = 'plain') {
    const port = await freePort();
    const args = [this.#next, 'start', '--port', String(port), '--hostname', '127.0.0.1'];
    const child = spawn(process.execPath, args, { cwd: this.#folder, env: { ...this.#env, APP_FORM: form } });
    dieWithUs(child.pid);
    this.#children.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
      });
    }
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`next start ended:\n${said}`);
        return said.includes('Ready in');
      },
      { withinMs: 60_000, everyMs: 50, what: 'next start' },
    );
    return { port, url: `http://127.0.0.1:${port}`, said: () => said, stop: () => this.#stop(child) };
  }

  async #stop(child) {
    this.#children.delete(child);
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    hasEnded(child.pid);
  }

  async stop() {
    await Promise.all([...this.#children].map((child) => this.#stop(child)));
  }

  /** What the app noted since the last call of `forget`. */
  ledger() {
    if (!fs.existsSync(this.#ledger)) return [];
    return fs
      .readFileSync(this.#ledger, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  forget() {
    fs.rmSync(this.#ledger, { force: true });
  }
}

/** The hidden fields of the form that a page's HTML holds, as a browser without JavaScript would send them. */
export function fieldsOf(html, id) {
  const forms = [...html.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)];
  const form = forms.find(([, attributes]) => id === undefined || attributes.includes(`id="${id}"`));
  const fields = new FormData();
  for (const [input] of form[2].matchAll(/<input[^>]*>/g)) {
    const attribute = (name) => new RegExp(`${name}="([^"]*)"`).exec(input)?.[1];
    const text = (attribute('value') ?? '').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
    if (attribute('name') !== undefined) fields.append(attribute('name').replaceAll('&quot;', '"'), text);
  }
  return fields;
}
