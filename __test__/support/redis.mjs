// A private redis-server (or valkey-server) per test: on a unix socket or a free loopback port, in a folder of its own,
// ended by its pid. REDIS_BIN or VALKEY_BIN choose another build; without any server the test fails, it never skips.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { findProgram } from '../../scripts/prepare.mjs';
import { makeCertificates } from './certificates.mjs';
import { eventually } from './eventually.mjs';
import { temporaryFolder } from './folder.mjs';
import { dieWithUs, hasEnded } from './reaper.mjs';
import { connectResp } from './resp.mjs';

/** A port that was free a moment ago. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The server program of this run; its absence is a failure that says what to do. */
export function serverProgram() {
  const program = findProgram('redis-server');
  if (program) return program;
  throw new Error(
    'no redis-server or valkey-server on the PATH: these tests need a real one. ' +
      'Install it (apt-get install redis-server, brew install redis) or set REDIS_BIN or VALKEY_BIN to the program.',
  );
}

class RedisServer {
  #child;
  #program;
  #args;
  #env;
  #controls = [];

  constructor({ program, folder, args, env, target, scheme, certificates }) {
    this.#program = program;
    this.folder = folder;
    /** What connectResp and startProxy take. */
    this.target = target;
    this.scheme = scheme;
    this.certificates = certificates;
    this.#args = args;
    this.#env = env;
  }

  get pid() {
    return this.#child?.pid;
  }

  get url() {
    return this.urlFor();
  }

  /** The URL of a client, as an ACL user, on a database number. */
  urlFor({ user = '', password = '', db } = {}) {
    if (this.scheme === 'unix') {
      const query = new URLSearchParams(Object.entries({ user, pass: password, db }).filter(([, value]) => value));
      return `unix://${this.target.path}${query.size > 0 ? `?${query}` : ''}`;
    }
    const login = password ? `${encodeURIComponent(user)}:${encodeURIComponent(password)}@` : '';
    return `${this.scheme}://${login}${this.target.host}:${this.target.port}${db === undefined ? '' : `/${db}`}`;
  }

  /** What the server said, for the message of a failing test. A fault in its configuration comes before any log. */
  log() {
    const files = ['output', 'log'].map((name) => path.join(this.folder, name));
    return files.map((file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '')).join('');
  }

  async start() {
    const output = fs.openSync(path.join(this.folder, 'output'), 'a');
    this.#child = spawn(this.#program, this.#args, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...this.#env },
    });
    fs.closeSync(output);
    const child = this.#child;
    // A server shared by a whole test file is never stopped by hand; it must not keep that file's process alive.
    child.unref();
    let ended;
    child.once('error', (error) => {
      ended = error;
    });
    child.once('exit', (code, signal) => {
      ended = new Error(`the server ended (${signal ?? code})`);
      if (child.pid) hasEnded(child.pid);
    });
    if (child.pid) dieWithUs(child.pid);
    // Answering PING is not enough: LOADING answers, too. A server that wants a password is up.
    const answers = async () => {
      if (ended) return true;
      const client = await connectResp(this.target);
      const reply = await client.send('PING').catch((error) => error.code);
      client.close();
      return reply === 'PONG' || reply === 'NOAUTH';
    };
    // A long AOF takes a while on a busy machine.
    await eventually(answers, { withinMs: 60_000, everyMs: 5, what: 'redis-server answering' });
    if (ended) throw new Error(`redis-server did not start: ${ended.message}\n${this.log()}`, { cause: ended });
  }

  /** A connection of the test's own; closed with the server. */
  async connect() {
    const client = await connectResp(this.target);
    this.#controls.push(client);
    return client;
  }

  /** One command on a connection of its own. */
  async send(...command) {
    const client = await connectResp(this.target);
    try {
      return await client.send(...command);
    } finally {
      client.close();
    }
  }

  freeze() {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw() {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Ends the server by its pid. SIGKILL is a crash; SIGTERM lets it write its file first. */
  async stop(signal = 'SIGKILL') {
    for (const client of this.#controls.splice(0)) client.close();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    // A frozen process takes no signal but SIGKILL.
    child.kill('SIGCONT');
    await gone;
  }

  /** Down and up again on the same address and folder: with AOF or RDB in `config` the records are still there. */
  async restart(signal = 'SIGTERM') {
    await this.stop(signal);
    await this.start();
  }
}

function tlsArguments(certificates, port) {
  const files = {
    'tls-cert-file': 'server.crt',
    'tls-key-file': 'server.key',
    'tls-ca-cert-file': 'ca.crt',
    // What it shows to other servers.
    'tls-client-cert-file': 'client.crt',
    'tls-client-key-file': 'client.key',
  };
  const args = Object.entries(files).flatMap(([option, file]) => [`--${option}`, path.join(certificates.folder, file)]);
  return ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'optional', ...args];
}

async function address(listen, folder, certificates) {
  if (listen === 'unix') {
    const socket = path.join(folder, 's');
    return { scheme: 'unix', target: { path: socket }, args: ['--port', '0', '--unixsocket', socket] };
  }
  const port = await freePort();
  const target = { host: '127.0.0.1', port };
  if (listen === 'tcp') return { scheme: 'redis', target, args: ['--port', String(port)] };
  const tls = { scheme: 'rediss', certificates, args: tlsArguments(certificates, port) };
  return { ...tls, target: { ...target, tls: certificates.clientTls } };
}

/**
 * @param listen 'unix', 'tcp' or 'tls' (with an own CA and client certificates, see `server.certificates`)
 * @param config lines as in redis.conf: `['appendonly yes', 'maxmemory 3mb']`
 * @param users ACL rules as in redis.conf after the word `user`: `['app on >secret ~actonce:* +@all']`
 * @param program the server's file, when the test is about that one
 * @param certificates of another server, for one that belongs with it; else of its own
 * @param sentinel a Sentinel instead of a server
 * @param env variables of its process
 * @param folder where it keeps its files, when the test is about that place
 */
export async function startRedis(options = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Somebody took the port between our look and the server's start.
      if (attempt === 3 || !/Address already in use/.test(error.message)) throw error;
    }
  }
}

async function startOnce(options) {
  const { listen = 'unix', config = [], users = [], program = serverProgram(), env, sentinel = false } = options;
  const { folder = temporaryFolder('redis') } = options;
  const ownCertificates = listen === 'tls' ? (options.certificates ?? makeCertificates()) : undefined;
  const { scheme, target, args, certificates } = await address(listen, folder, ownCertificates);
  const file = path.join(folder, 'redis.conf');
  // Not to be reached from outside, and no snapshots unless the test wants them.
  const snapshots = sentinel ? [] : ['save ""'];
  const basics = ['bind 127.0.0.1', ...snapshots, `dir ${folder}`, `logfile ${path.join(folder, 'log')}`];
  fs.writeFileSync(file, [...basics, ...config, ...users.map((user) => `user ${user}`), ''].join('\n'));
  const flags = [file, ...args, ...(sentinel ? ['--sentinel'] : [])];
  const server = new RedisServer({ program, folder, args: flags, env, target, scheme, certificates });
  await server.start();
  return server;
}
