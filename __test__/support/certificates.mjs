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
  openssl(folder, 'req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  sign(folder, { request: name, as: name, extensions });
}

function sign(folder, { request, as, extensions, days = '2' }) {
  fs.writeFileSync(path.join(folder, `${as}.ext`), `${extensions}\n`);
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
  const files = ['-in', `${request}.csr`, '-out', `${as}.crt`, '-extfile', `${as}.ext`];
  openssl(folder, 'x509', '-req', '-days', days, ...authority, ...files);
}

const FOR_HERE = 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth';
const FOR_ELSEWHERE = 'subjectAltName=DNS:elsewhere.example\nextendedKeyUsage=serverAuth';

/**
 * `folder` holds ca.crt, server.crt, server.key, client.crt and client.key, and for the same server.key an expired.crt and
 * an elsewhere.crt, which names another host. `clientTls` is the `tls` option of a client
 * that identifies itself, `ca` trusts the server only, and `strangerCa` is an authority that signed nothing.
 */
export function makeCertificates() {
  const folder = temporaryFolder('tls');
  makeAuthority(folder, 'ca');
  makeAuthority(folder, 'stranger');
  makeCertificate(folder, 'server', FOR_HERE);
  sign(folder, { request: 'server', as: 'expired', extensions: FOR_HERE, days: '-1' });
  sign(folder, { request: 'server', as: 'elsewhere', extensions: FOR_ELSEWHERE });
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
