// Where code can be in a Next app: the places actonce works in, and the others, where it says what to do. Turbopack in the
// short form; webpack and a pnpm layout with ACTONCE_LONG=1.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { tarballs } from '../support/install.mjs';
import { NextApp } from '../support/next-app.mjs';
import { startRedis } from '../support/redis.mjs';
import { startRegistry } from '../support/registry.mjs';
import '../support/unhandled.mjs';

const isLong = process.env.ACTONCE_LONG === '1';
const BUNDLERS = { Turbopack: [], ...(isLong && { webpack: ['--webpack'] }) };
const NEXT = 'next-16';

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis?.stop());

/** One order sent twice to a server's route handler: its two answers. */
async function orderTwice({ url }) {
  const headers = { 'idempotency-key': randomUUID(), 'content-type': 'application/json' };
  const send = () => fetch(`${url}/api/orders`, { method: 'POST', headers, body: '{}' });
  const responses = [await send(), await send()];
  return Promise.all(responses.map(async (response) => `${response.status} ${await response.text()}`));
}

async function worksOn(server, app) {
  app.forget();
  const [first, again] = await orderTwice(server);
  assert.match(first, /^201 /);
  assert.equal(again, first);
  assert.equal(app.ledger().length, 1);
}

for (const [bundler, flags] of Object.entries(BUNDLERS)) {
  describe(`${bundler}: where there is no Node.js`, () => {
    let app;
    after(() => app?.stop());

    it('F10 in a client component: the build fails and names the file', async () => {
      const wrong = await NextApp.prepareApart(NEXT, {}, ['matrix-app', 'places/client']);
      await assert.rejects(wrong.build('plain', ...flags), ({ message }) => {
        assert.match(message, /server-only/);
        assert.match(message, /app\/misplaced\/page\.jsx/);
        assert.doesNotMatch(message, /Can't resolve|not supported in the browser/);
        return true;
      });
    });

    it('F10 in an edge route and an edge middleware: it builds, and calling says what to do', async () => {
      app = await NextApp.prepareApart(NEXT, { REDIS_URL: redis.url }, ['matrix-app', 'places/edge']);
      await app.build('plain', ...flags);
      const server = await app.start();
      for (const [name, send] of Object.entries({
        withIdempotency: () => fetch(`${server.url}/api/edge`),
        idempotentRoute: () => fetch(`${server.url}/api/edge`, { method: 'POST' }),
        middleware: () => fetch(`${server.url}/guarded`),
      })) {
        const heard = server.said().length;
        assert.equal((await send()).status, 500, name);
        assert.match(server.said().slice(heard), /of actonce needs Node\.js.*\[ERR_UNSUPPORTED_PLATFORM\]/, name);
      }
      await worksOn(server, app);
    });
  });

  describe(`${bundler}: proxy.js, the browser's bundle, and standalone`, () => {
    let app;
    let built;
    before(async () => {
      app = await NextApp.prepareApart(NEXT, { REDIS_URL: redis.url }, ['matrix-app', 'places/proxy']);
      // A build without a store and in production: modules are evaluated, nothing connects and nothing is missing.
      const apart = NextApp.at(app.folder, { NODE_ENV: 'production' }, []);
      await apart.build('standalone', ...flags);
      built = path.join(app.folder, '.next/standalone');
    });
    after(() => app?.stop());

    it('no native code and nothing of the server reaches the browser; the hooks do', () => {
      const chunks = path.join(built, 'static');
      const files = fs.readdirSync(chunks, { recursive: true }).map((name) => path.join(chunks, name));
      const texts = files.filter((file) => file.endsWith('.js')).map((file) => fs.readFileSync(file, 'utf8'));
      const all = texts.join('\n');
      assert.deepEqual(
        files.filter((file) => file.endsWith('.node')),
        [],
      );
      for (const word of ['node:async_hooks', 'actonce-linux', 'AsyncLocalStorage', 'EVALSHA', 'PROVIDER_URL']) {
        assert.ok(!all.includes(word), `${word} is in the browser's bundle`);
      }
      assert.ok(all.includes('idempotency-key'), 'what the hooks are known by');
    });

    it('standalone, copied to another folder: the addon came along', async () => {
      const copy = temporaryFolder('standalone');
      fs.cpSync(path.join(built, 'standalone'), copy, { recursive: true, verbatimSymlinks: true });
      const addons = fs.readdirSync(copy, { recursive: true }).filter((name) => /actonce.*\.node$/.test(name));
      assert.equal(addons.length, 1, addons.join());
      const server = await app.startStandalone(path.join(copy, 'server.js'));
      await worksOn(server, app);
    });

    it('F10 in proxy.js, which runs on Node.js, it works', async () => {
      const server = await app.start('standalone');
      app.forget();
      const see = async () => (await fetch(`${server.url}/done?key=p-${bundler}`)).headers.get('x-seen');
      assert.match(await see(), /^[\w-]{36}$/);
      assert.equal(await see(), await see());
      assert.equal(app.ledger().filter(({ ran }) => ran === 'proxy').length, 1);
    });
  });
}

describe('installed by pnpm, each package apart', { skip: !isLong && 'in the long form' }, () => {
  let app;
  before(async () => {
    const folder = temporaryFolder('pnpm');
    const manifest = JSON.parse(fs.readFileSync(path.join(root, '__test__/fixtures', NEXT, 'package.json'), 'utf8'));
    manifest.dependencies.actonce = 'latest';
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
    const registry = await startRegistry(await tarballs());
    const options = ['--reporter=silent', '--registry', registry.url, '--store-dir', path.join(folder, '.store')];
    const pnpm = ['--yes', 'pnpm@12.21.0', 'install', '--no-frozen-lockfile', ...options];
    await promisify(execFile)('npx', pnpm, { cwd: folder });
    await registry.stop();
    assert.ok(fs.lstatSync(path.join(folder, 'node_modules/actonce')).isSymbolicLink(), 'pnpm links packages');
    app = NextApp.at(folder, { REDIS_URL: redis.url }, ['matrix-app']);
  });
  after(() => app?.stop());

  for (const [bundler, flags] of Object.entries(BUNDLERS)) {
    it(`${bundler}: built, run, and run as standalone`, async () => {
      const form = `standalone-${bundler.toLowerCase()}`;
      await app.build(form, ...flags);
      await worksOn(await app.start(form), app);
      await worksOn(await app.startStandalone(path.join(app.folder, '.next', form, 'standalone/server.js')), app);
    });
  }
});
