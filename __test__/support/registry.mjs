// An npm registry on loopback that has our tarballs and passes everything else on to the registry that npm uses. So a
// package manager resolves actonce and its optional platform packages as it will resolve the published ones.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

function manifestIn(tarball) {
  return JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
}

/** What a registry says of a package that has one version. */
function packument(tarball, url) {
  const manifest = manifestIn(tarball);
  const { name, version } = manifest;
  const bytes = fs.readFileSync(tarball);
  const hash = (algorithm, encoding) => createHash(algorithm).update(bytes).digest(encoding);
  const dist = {
    tarball: `${url}/${name}/-/${path.basename(tarball)}`,
    integrity: `sha512-${hash('sha512', 'base64')}`,
    shasum: hash('sha1', 'hex'),
  };
  const published = new Date(0).toISOString();
  return {
    name,
    'dist-tags': { latest: version },
    time: { created: published, modified: published, [version]: published },
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
  };
}

/**
 * @param tarballs the packages that this registry has
 * @returns its URL, and how to stop it
 */
export async function startRegistry(tarballs) {
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim().replace(/\/$/, '');
  const own = new Map(tarballs.map((tarball) => [manifestIn(tarball).name, tarball]));
  let url;

  async function passOn(request, response) {
    const headers = { accept: request.headers.accept ?? '*/*' };
    const answer = await fetch(upstream + request.url, { headers });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  }

  async function answer(request, response) {
    const [, name, isTarball] = /^\/([^/]+)(\/-\/)?/.exec(request.url) ?? [];
    // Nobody has published these names, and the world's registry must not be asked for them.
    if (!/^actonce(-|$)/.test(name)) return passOn(request, response);
    const tarball = own.get(name);
    if (tarball === undefined) return response.writeHead(404).end('{"error":"not_found"}');
    if (isTarball) return fs.createReadStream(tarball).pipe(response);
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify(packument(tarball, url)));
  }

  const server = http.createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(502).end(String(error)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
