// A certificate authority of the test's own, with a server's and a client's certificate, made by openssl when needed.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './folder.mjs';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(folder, ...args) {
  try {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const reason = error.code === 'ENOENT' ? 'openssl is not installed' : (error.stderr?.toString() ?? error.message);
    throw new Error(`no certificates for the test: ${reason}`, { cause: error });
  }
}

function makeAuthority(folder, name) {
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  openssl(folder, 'req', '-x509', ...KEY, '-days', '2', ...files, '-subj', `/CN=actonce ${name}`, ...added);
}

function makeCertificate(folder, name, extensions) {
  fs.writeFileSync(path.join(folder, `${name}.ext`), `${extensions}\n`);
  openssl(folder, 'req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
  const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', `${name}.ext`];
  openssl(folder, 'x509', '-req', '-days', '2', ...authority, ...files);
}

/**
 * `folder` holds ca.crt, server.crt, server.key, client.crt and client.key. `clientTls` is the `tls` option of a client
 * that identifies itself, `ca` trusts the server only, and `strangerCa` is an authority that signed nothing.
 */
export function makeCertificates() {
  const folder = temporaryFolder('tls');
  makeAuthority(folder, 'ca');
  makeAuthority(folder, 'stranger');
  makeCertificate(folder, 'server', 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth');
  makeCertificate(folder, 'client', 'extendedKeyUsage=clientAuth');
  const read = (file) => fs.readFileSync(path.join(folder, file), 'utf8');
  const ca = read('ca.crt');
  return {
    folder,
    ca,
    strangerCa: read('stranger.crt'),
    clientTls: { ca, cert: read('client.crt'), key: read('client.key') },
  };
}
