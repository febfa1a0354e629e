// Which servers a rediss:// client trusts: those that Node trusts, and those whose authority, name or fingerprint it
// was given. What the client says when TLS and the scheme do not fit. Every server is real, with its own certificates.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { before, describe } from 'node:test';
import tls from 'node:tls';
import { createClient } from '../support/actonce.mjs';
import { makeCertificates } from '../support/certificates.mjs';
import { Contenders } from '../support/contenders.mjs';
import { nodeProgram } from '../support/node-program.mjs';
import { freePort, startRedis } from '../support/redis.mjs';
import { runScript } from '../support/script.mjs';
import { it } from '../support/steady.mjs';

const key = 'order-1';
/** The system has no certificate authorities, as in the image node:22-slim. */
const NO_SYSTEM_STORE = { SSL_CERT_FILE: '/nowhere/ca.pem', SSL_CERT_DIR: '/nowhere' };
const ORDER = `
const client = load().createClient(options);
try {
  say(await client.withIdempotency('order-1', () => 'ran'));
} catch (error) {
  say(error.code + ' ' + error.message);
}
await client.close();
`;

let hasTls = true;
/** The test's own server with TLS. The test is skipped, with the reason, if the server was built without TLS. */
async function open(t, options) {
  if (!hasTls) return t.skip('this server was built without TLS');
  const redis = await startRedis({ listen: 'tls', ...options });
  t.after(() => redis.stop());
  return redis;
}

const ca = (server) => server.certificates.ca;
const file = (server, name) => path.join(server.certificates.folder, name);

function fingerprintOf(server, name) {
  const args = ['x509', '-in', file(server, name), '-noout', '-fingerprint', '-sha256'];
  return execFileSync('openssl', args, { encoding: 'utf8' }).trim().split('=')[1];
}

/** Makes one call in a process of its own and returns what came of it. */
async function order(t, server, { env = {}, program, preface = '', ...options } = {}) {
  const environment = { ...NO_SYSTEM_STORE, ...env };
  const more = { options: { url: server.url, totalTimeoutMs: 4_000, ...options }, env: environment, program };
  const { said, errors } = await runScript(t, preface + ORDER, more);
  return said.join('\n') || errors;
}

async function refusal(t, server, options) {
  const c = new Contenders(t, server, { totalTimeoutMs: 4_000 });
  const client = c.client(options);
  const error = await client.withIdempotency(key, c.effect).catch((caught) => caught);
  assert.deepEqual([error.code, c.ledger.count()], ['ERR_STORE_REFUSED', 0], error.stack ?? String(error));
  return error.message;
}

async function accepted(t, server, options) {
  const c = new Contenders(t, server);
  assert.deepEqual(await c.client(options).withIdempotency(key, c.effect), { by: 1 });
}

before(async () => {
  try {
    await (await startRedis({ listen: 'tls' })).stop();
  } catch (error) {
    if (!/tls-port.*Bad directive/s.test(error.message)) throw error;
    hasTls = false;
  }
});

describe('what Node trusts is trusted', { timeout: 120_000 }, () => {
  it('without any of that a private authority is refused, and the message says what to do', async (t) => {
    const server = await open(t);
    if (!server) return;
    const said = await order(t, server);
    assert.match(said, /^ERR_STORE_REFUSED/);
    for (const word of ['UnknownIssuer', 'tls.ca', 'NODE_EXTRA_CA_CERTS', 'tls.fingerprint256']) {
      assert.ok(said.includes(word), `${word}: ${said}`);
    }
  });

  it('the file that NODE_EXTRA_CA_CERTS names', async (t) => {
    const server = await open(t);
    if (!server) return;
    assert.equal(await order(t, server, { env: { NODE_EXTRA_CA_CERTS: file(server, 'ca.crt') } }), 'ran');
  });

  it('a file in which not every certificate can be read: the others count', async (t) => {
    const server = await open(t);
    if (!server) return;
    const mixed = file(server, 'mixed.pem');
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    fs.writeFileSync(mixed, `# ours\n${fs.readFileSync(file(server, 'stranger.crt'))}${ca(server)}${broken}`);
    assert.equal(await order(t, server, { env: { NODE_EXTRA_CA_CERTS: mixed } }), 'ran');
  });

  it('a file that is not there is as if it were not named: Node has warned of it', async (t) => {
    const server = await open(t);
    if (!server) return;
    const said = await order(t, server, { env: { NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem' } });
    assert.match(said, /^ERR_STORE_REFUSED .*UnknownIssuer/);
  });

  it("Node's own roots, where the system has none", async (t) => {
    const server = await open(t);
    if (!server) return;
    // No public authority signs certificates for a test, so the test replaces Node's list.
    const preface = `
      const Module = require('node:module');
      const { _load } = Module;
      const tls = { rootCertificates: [${JSON.stringify(ca(server))}] };
      Module._load = (name, ...rest) => (name === 'node:tls' ? tls : _load(name, ...rest));
    `;
    assert.equal(await order(t, server, { preface }), 'ran');
  });

  it('what the process has made of that list, on a Node that lets it', async (t) => {
    const server = await open(t);
    if (!server) return;
    const { file: program, reason } = await nodeProgram(24);
    if (!program) return t.skip(reason);
    const preface = `require('node:tls').setDefaultCACertificates([${JSON.stringify(ca(server))}]);`;
    assert.equal(await order(t, server, { preface, program }), 'ran');
  });

  it("the system's, as before", async (t) => {
    const server = await open(t);
    if (!server) return;
    assert.equal(await order(t, server, { env: { SSL_CERT_FILE: file(server, 'ca.crt') } }), 'ran');
  });

  it('a client of the environment, and one of a worker thread', async (t) => {
    const server = await open(t);
    if (!server) return;
    const text = `
      import { Worker, isMainThread } from 'node:worker_threads';
      const { withIdempotency, close } = load();
      say(await withIdempotency(isMainThread ? 'main' : 'worker', () => 'ran').catch((error) => error.message));
      await close();
      if (isMainThread) await new Promise((done) => new Worker(new URL(import.meta.url)).once('exit', done));
    `;
    const env = { ...NO_SYSTEM_STORE, NODE_EXTRA_CA_CERTS: file(server, 'ca.crt'), REDIS_URL: server.url };
    assert.deepEqual((await runScript(t, text, { env })).said, ['ran', 'ran']);
  });

  it('with tls.ca nothing else is', async (t) => {
    const server = await open(t);
    if (!server) return;
    const env = { NODE_EXTRA_CA_CERTS: file(server, 'ca.crt'), SSL_CERT_FILE: file(server, 'ca.crt') };
    const said = await order(t, server, { env, tls: { ca: server.certificates.strangerCa } });
    assert.match(said, /^ERR_STORE_REFUSED .*UnknownIssuer/);
  });

  it('with a certificate of the client and without tls.ca, too', async (t) => {
    const server = await open(t);
    if (!server) return;
    await server.send('CONFIG', 'SET', 'tls-auth-clients', 'yes');
    const { cert, key: privateKey } = server.certificates.clientTls;
    const env = { NODE_EXTRA_CA_CERTS: file(server, 'ca.crt') };
    assert.equal(await order(t, server, { env, tls: { cert, key: privateKey } }), 'ran');
  });
});

describe('a server that is reached by another name', { timeout: 60_000 }, () => {
  const named = async (t) => {
    const server = await open(t);
    if (server) await server.send('CONFIG', 'SET', 'tls-cert-file', file(server, 'elsewhere.crt'));
    return server;
  };

  it('is refused, and the message names the names it has and the option', async (t) => {
    const server = await named(t);
    if (!server) return;
    const message = await refusal(t, server, { tls: { ca: ca(server) } });
    assert.match(message, /127\.0\.0\.1/);
    assert.match(message, /elsewhere\.example/);
    assert.match(message, /tls\.servername/);
  });

  it('is accepted under the name that tls.servername says, and under no other', async (t) => {
    const server = await named(t);
    if (!server) return;
    await accepted(t, server, { tls: { ca: ca(server), servername: 'elsewhere.example' } });
    const message = await refusal(t, server, { tls: { ca: ca(server), servername: 'localhost' } });
    assert.match(message, /elsewhere\.example/);
  });

  it('is told that name, so that it can choose its certificate', async (t) => {
    const { folder } = makeCertificates();
    const names = [];
    const read = (name) => fs.readFileSync(path.join(folder, name));
    const server = tls.createServer({ cert: read('elsewhere.crt'), key: read('server.key') }, (socket) => {
      names.push(socket.servername);
      socket.on('error', () => {}).end('-ERR no\r\n');
    });
    server.on('tlsClientError', () => {});
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const url = `rediss://127.0.0.1:${server.address().port}`;
    const client = createClient({
      url,
      totalTimeoutMs: 500,
      tls: { ca: read('ca.crt').toString(), servername: 'elsewhere.example' },
    });
    t.after(() => client.close({ graceMs: 0 }));
    await assert.rejects(client.withIdempotency(key, () => 1));
    assert.equal(names[0], 'elsewhere.example');
  });
});

describe('a server that nobody vouches for', { timeout: 120_000 }, () => {
  /** A server with a self-signed certificate. Without an extension, `openssl req -x509` makes it an authority. */
  const selfSigned = async (t, extension) => {
    const server = await open(t);
    if (!server) return undefined;
    const { folder } = server.certificates;
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=self', '-addext', 'subjectAltName=IP:127.0.0.1', ...extension];
    execFileSync('openssl', [...made, '-keyout', 'self.key', '-out', 'self.crt', ...names], {
      cwd: folder,
      stdio: 'pipe',
    });
    const pair = ['tls-key-file', path.join(folder, 'self.key'), 'tls-cert-file', path.join(folder, 'self.crt')];
    await server.send('CONFIG', 'SET', ...pair);
    return server;
  };
  const OWN_AUTHORITY = [];
  const NO_AUTHORITY = ['-addext', 'basicConstraints=critical,CA:FALSE'];

  it('a certificate that is its own authority: refused in words that name the way', async (t) => {
    const server = await selfSigned(t, OWN_AUTHORITY);
    if (!server) return;
    const self = fs.readFileSync(file(server, 'self.crt'), 'utf8');
    const message = await refusal(t, server, { tls: { ca: self } });
    assert.match(message, /self-signed/);
    assert.match(message, /tls\.fingerprint256/);
  });

  for (const [what, extension] of Object.entries({
    'its own authority': OWN_AUTHORITY,
    'no authority': NO_AUTHORITY,
  })) {
    it(`a self-signed certificate that is ${what}: accepted by its fingerprint`, async (t) => {
      const server = await selfSigned(t, extension);
      if (!server) return;
      await accepted(t, server, { tls: { fingerprint256: fingerprintOf(server, 'self.crt') } });
    });
  }

  it('a self-signed certificate that is no authority: accepted as tls.ca', async (t) => {
    const server = await selfSigned(t, NO_AUTHORITY);
    if (!server) return;
    await accepted(t, server, { tls: { ca: fs.readFileSync(file(server, 'self.crt'), 'utf8') } });
  });

  for (const name of ['expired.crt', 'elsewhere.crt']) {
    it(`by the fingerprint it is this certificate, whatever its name and its days: ${name}`, async (t) => {
      const server = await open(t);
      if (!server) return;
      await server.send('CONFIG', 'SET', 'tls-cert-file', file(server, name));
      await accepted(t, server, { tls: { fingerprint256: fingerprintOf(server, name) } });
    });
  }

  it('the fingerprint may be written as openssl, Node and others do, and there may be several', async (t) => {
    const server = await open(t);
    if (!server) return;
    const known = fingerprintOf(server, 'server.crt');
    const another = fingerprintOf(server, 'client.crt');
    for (const fingerprint256 of [known.replaceAll(':', ''), known.toLowerCase(), [another, known]]) {
      await accepted(t, server, { tls: { fingerprint256 } });
    }
  });

  it('another certificate is refused, be it signed by an authority that Node trusts', async (t) => {
    const server = await open(t);
    if (!server) return;
    const fingerprint256 = fingerprintOf(server, 'client.crt');
    const env = { NODE_EXTRA_CA_CERTS: file(server, 'ca.crt') };
    const said = await order(t, server, { env, tls: { fingerprint256 } });
    assert.match(said, /^ERR_STORE_REFUSED .*tls\.fingerprint256/);
  });
});

describe('the wrong scheme', { concurrency: 4, timeout: 60_000 }, () => {
  /** Somebody who answers every first word with these bytes. */
  const answering = async (t, bytes) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(Buffer.from(bytes, 'latin1')));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    return `127.0.0.1:${server.address().port}`;
  };
  const refusalOf = async (t, url) => {
    const c = new Contenders(t, { url }, { totalTimeoutMs: 1_500, connectTimeoutMs: 700 });
    const error = await c
      .client()
      .withIdempotency(key, c.effect)
      .catch((caught) => caught);
    assert.equal(c.ledger.count(), 0);
    return error;
  };
  const FATAL_ALERT = '\x15\x03\x01\x00\x02\x02\x46';

  it('redis:// to a server with TLS: the message names rediss://', async (t) => {
    const server = await open(t);
    if (!server) return;
    const { code, message } = await refusalOf(t, server.url.replace('rediss:', 'redis:'));
    assert.equal(code, 'ERR_STORE_UNAVAILABLE');
    assert.match(message, /rediss:\/\//);
  });

  it('redis:// to a server that answers as TLS does: refused at once, and the message names rediss://', async (t) => {
    const { code, message } = await refusalOf(t, `redis://${await answering(t, FATAL_ALERT)}`);
    assert.equal(code, 'ERR_STORE_REFUSED');
    assert.match(message, /speaks TLS.*rediss:\/\//);
  });

  for (const [scheme, rest] of [
    ['rediss', ''],
    ['rediss+sentinel', '/orders'],
    ['rediss+cluster', ''],
  ]) {
    it(`${scheme}:// to a server without TLS: the message names redis://`, async (t) => {
      const server = await startRedis({ listen: 'tcp' });
      t.after(() => server.stop());
      const { code, message } = await refusalOf(t, `${server.url.replace('redis:', `${scheme}:`)}${rest}`);
      assert.equal(code, 'ERR_STORE_UNAVAILABLE');
      assert.match(message, /did not answer the TLS handshake.*redis:\/\//);
    });
  }

  it('rediss:// to a server that answers in plain text: refused at once, and the message names redis://', async (t) => {
    const { code, message } = await refusalOf(t, `rediss://${await answering(t, '-ERR Protocol error\r\n')}`);
    assert.equal(code, 'ERR_STORE_REFUSED');
    assert.match(message, /does not speak TLS.*redis:\/\//);
  });

  it('a server that is merely away: nothing is said of TLS', async (t) => {
    for (const scheme of ['redis', 'rediss']) {
      const { message } = await refusalOf(t, `${scheme}://127.0.0.1:${await freePort()}`);
      assert.doesNotMatch(message, /TLS/);
    }
  });
});

describe('options of TLS that cannot be used are refused when the client is made', () => {
  const url = 'rediss://localhost';
  const print = 'AB'.repeat(32);
  for (const [what, options, words] of [
    ['a fingerprint that is none', { fingerprint256: 'AB:CD' }, /tls\.fingerprint256.*64 hexadecimal/],
    ['a list of none', { fingerprint256: [] }, /tls\.fingerprint256/],
    ['a fingerprint and an authority', { fingerprint256: print, ca: makeCertificates().ca }, /tls\.fingerprint256.*ca/],
    ['a name that is none', { servername: 'not a name' }, /tls\.servername/],
    ['a name that is no text', { servername: 5 }, /servername.*string/],
  ]) {
    it(what, () => {
      assert.throws(() => createClient({ url, tls: options }), { code: 'ERR_INVALID_ARGUMENT', message: words });
    });
  }

  it('a fingerprint or a name without TLS', () => {
    for (const options of [{ fingerprint256: print }, { servername: 'redis.example' }]) {
      assert.throws(() => createClient({ url: 'redis://localhost', tls: options }), {
        code: 'ERR_INVALID_ARGUMENT',
        message: /rediss:\/\//,
      });
    }
  });
});
