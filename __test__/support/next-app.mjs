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

const fixtures = path.join(root, '__test__/fixtures');

export class NextApp {
  #folder;
  #env;
  #ledger = path.join(temporaryFolder('ledger'), 'ledger.jsonl');
  #children = new Set();

  /**
   * @param name a folder of __test__/fixtures
   * @param env of builds and servers
   * @param sources other folders of it, whose files are copied over the first: one app for several versions of Next
   */
  static async prepare(name, env = {}, sources = []) {
    const folder = path.join(fixtures, name);
    await once(folder, async () => {
      await prepareModules(folder);
      await installActonce(folder);
    });
    return NextApp.at(folder, env, sources);
  }

  /** As `prepare`, in a folder of its own outside of the repository. */
  static async prepareApart(name, env, sources) {
    const base = await NextApp.prepare(name);
    const folder = temporaryFolder('next-app');
    for (const part of ['package.json', 'node_modules']) {
      fs.cpSync(path.join(base.folder, part), path.join(folder, part), { recursive: true, verbatimSymlinks: true });
    }
    return NextApp.at(folder, env, sources);
  }

  /** Where the packages are installed already. */
  static at(folder, env, sources) {
    const app = new NextApp();
    app.#folder = folder;
    for (const source of sources) fs.cpSync(path.join(fixtures, source), folder, { recursive: true });
    const { NODE_TEST_CONTEXT: _, REDIS_URL: __, ACTONCE_URL: ___, NODE_ENV: ____, ...clean } = process.env;
    app.#env = { ...clean, NEXT_TELEMETRY_DISABLED: '1', LEDGER: app.#ledger, ...env };
    return app;
  }

  get #next() {
    return path.join(this.#folder, 'node_modules/next/dist/bin/next');
  }

  get folder() {
    return this.#folder;
  }

  /** @param form which of the app's builds, see its next.config.mjs @param flags of `next build` */
  build(form = 'plain', ...flags) {
    return once(`${this.#folder} ${form}`, () => {
      this.#forgetBuild(form);
      const env = { ...this.#env, APP_FORM: form };
      const options = { cwd: this.#folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
      try {
        execFileSync(process.execPath, [this.#next, 'build', ...flags], options);
      } catch (error) {
        throw new Error(`next build failed:\n${error.stdout}\n${error.stderr}`, { cause: error });
      }
    });
  }

  /** webpack's cache knows a package by its version, and actonce is another one each time. */
  #forgetBuild(form) {
    fs.rmSync(path.join(this.#folder, '.next', form), { recursive: true, force: true });
  }

  /** A server process for a build, ready to answer. */
  start(form = 'plain') {
    return this.#serve(form, [this.#next, 'start', '--hostname', '127.0.0.1'], '127.0.0.1');
  }

  /** `next dev`; in development a page comes to life on localhost only. @param flags of `next dev` */
  develop(form, ...flags) {
    this.#forgetBuild(form);
    return this.#serve(form, [this.#next, 'dev', ...flags], 'localhost');
  }

  /** The server of a build with `output: 'standalone'`, from wherever it was copied to. */
  startStandalone(server) {
    return this.#serve('standalone', [server], '127.0.0.1', path.dirname(server));
  }

  /** `said()` is what it has written. */
  async #serve(form, command, host, cwd = this.#folder) {
    const port = await freePort();
    const args = command[0] === this.#next ? [...command, '--port', String(port)] : command;
    const env = { ...this.#env, APP_FORM: form, PORT: String(port), HOSTNAME: host };
    // A group of its own: `next dev` runs the server in a child, which ends with the group only.
    const child = spawn(process.execPath, args, { cwd, env, detached: true });
    dieWithUs(-child.pid);
    this.#children.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
      });
    }
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`the server ended:\n${said}`);
        return said.includes('Ready in');
      },
      { withinMs: 60_000, everyMs: 50, what: 'the server' },
    );
    return { port, url: `http://${host}:${port}`, said: () => said, stop: () => this.#stop(child) };
  }

  async #stop(child) {
    this.#children.delete(child);
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      process.kill(-child.pid, 'SIGKILL');
      await gone;
    }
    hasEnded(-child.pid);
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
