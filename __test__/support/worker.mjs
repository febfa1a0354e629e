// A second process that makes calls as a test tells it to, by messages, and that the test can kill, freeze and thaw.
// What `fn` does there is a list of steps, see worker-process.mjs.
import { fork } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.mjs';
import { dieWithUs, hasEnded } from './reaper.mjs';

/** No call of a test takes longer; a test that failed half-way must not wait for its worker until the runner's limit. */
const ANSWER_LIMIT_MS = 60_000;
const PROCESS = fileURLToPath(new URL('./worker-process.mjs', import.meta.url));

/** A promise that is there before anybody waits for it, and that nobody has to wait for. */
function open() {
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {});
  return { promise, ...settle };
}

class Call {
  #said = new Map();
  #send;

  constructor(send) {
    this.#send = send;
    const { promise, resolve, reject } = open();
    const overdue = () => this.gone(new Error(`the worker has not answered within ${ANSWER_LIMIT_MS} ms`));
    const limit = setTimeout(overdue, ANSWER_LIMIT_MS);
    const ended = () => clearTimeout(limit);
    promise.then(ended, ended);
    /**
     * How the call ended in the worker: `{ value, runs }` or `{ error, runs }`. `runs` has what each run of fn saw of its
     * context: key, attempt, recovered, fence, protected and, at its end, aborted. Rejects when the worker is gone.
     */
    this.result = promise;
    this.settle = { resolve, reject };
  }

  /** Resolves when fn has come to the step `{ say: word }`, to fn's context at that time. */
  said(word) {
    if (!this.#said.has(word)) this.#said.set(word, open());
    return this.#said.get(word).promise;
  }

  /** Lets fn go on past `{ wait: word }`. May come before fn is there. */
  tell(word) {
    this.#send({ do: 'tell', word });
  }

  heard(word, context) {
    this.said(word);
    this.#said.get(word).resolve(context);
  }

  gone(error) {
    for (const { reject } of this.#said.values()) reject(error);
    this.settle.reject(error);
  }
}

class Worker {
  #child;
  #calls = new Map();
  #lastId = 0;
  #output = '';
  #exited;

  constructor(child) {
    this.#child = child;
    dieWithUs(child.pid);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output += text;
      });
      stream.unref();
    }
    child.on('message', (message) => this.#receive(message));
    // A worker that a failed test has left behind does not keep the test's process; whoever waits for it does.
    child.unref();
    child.channel.unref();
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        hasEnded(child.pid);
        const error = new Error(`the worker ended (${signal ?? code})\n${this.#output}`);
        for (const call of this.#calls.values()) call.gone(error);
        this.#calls.clear();
        resolve({ code, signal });
      });
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Resolves to `{ code, signal }` at the end of the process. */
  get exited() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.ref();
    this.#child.stdout.ref();
    this.#child.stderr.ref();
    return this.#exited;
  }

  /** What it printed, on both streams. */
  get output() {
    return this.#output;
  }

  /** One call of withIdempotency; with `outcome: true` of withIdempotency.outcome. */
  call({ key, options = {}, steps = [], client = 'default', outcome = false }) {
    return this.#ask({ do: 'call', client, key, options, steps, outcome });
  }

  /** A method of the client: `client('inspect', { key })`, `client('close', { graceMs: 500 })`. Resolves to its value. */
  async client(method, ...args) {
    const { value, error } = await this.#ask({ do: 'method', client: 'default', method, args }).result;
    if (error) throw Object.assign(new Error(error.message), error);
    return value;
  }

  /** Every event of its clients so far. */
  async events() {
    return (await this.#ask({ do: 'events' }).result).value;
  }

  /** SIGKILL: no handler runs, nothing is released. */
  async kill() {
    this.signal('SIGKILL');
    return await this.exited;
  }

  /** SIGSTOP, and back when the system says that it stands still. */
  async freeze() {
    this.signal('SIGSTOP');
    const status = `/proc/${this.pid}/stat`;
    if (!fs.existsSync(status)) return;
    await eventually(() => / [Tt] /.test(fs.readFileSync(status, 'utf8').replace(/^.*\)/, ' ')), { everyMs: 1 });
  }

  thaw() {
    this.signal('SIGCONT');
  }

  signal(name) {
    process.kill(this.pid, name);
  }

  /** Ends it by its own process.exit: clients stay as they are, exit handlers run. */
  async stop() {
    if (this.#child.connected) {
      this.#child.send({ do: 'stop' });
      this.thaw();
    }
    return await this.exited;
  }

  #ask(message) {
    this.#lastId += 1;
    const id = this.#lastId;
    const call = new Call((more) => this.#child.send({ ...more, id }));
    this.#calls.set(id, call);
    this.#child.send({ ...message, id });
    return call;
  }

  #receive({ id, said, context, result }) {
    const call = this.#calls.get(id);
    if (said) return call?.heard(said, context);
    this.#calls.delete(id);
    call?.settle.resolve(result);
  }
}

/**
 * @param client the options of createClient, for a worker with one client
 * @param clients the same for several, by name
 * @param ledger of openLedger: where the step `{ effect: true }` notes the effect
 */
export async function startWorker({ client, clients = { default: client }, ledger, env = {}, execArgv = [] } = {}) {
  // A test runner's child knows from this variable that it is one; ours is not.
  const { NODE_TEST_CONTEXT: _, ...outer } = process.env;
  const child = fork(PROCESS, [], {
    execArgv,
    env: { ...outer, ...env },
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const worker = new Worker(child);
  child.send({ do: 'open', clients, ledger: ledger?.file });
  return worker;
}
