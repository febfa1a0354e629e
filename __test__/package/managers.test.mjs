// The README's app in the hands of each package manager: installed from a registry, built, and used in Chromium. The
// short form has the cell that has been broken; npm's cells are also in next/matrix.test.mjs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../scripts/step.mjs';
import { hydrated, launchBrowser } from '../support/browser.mjs';
import { eventually } from '../support/eventually.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { tarballs } from '../support/install.mjs';
import { NextApp } from '../support/next-app.mjs';
import { writeReadmeFiles } from '../support/readme.mjs';
import { startRedis } from '../support/redis.mjs';
import { startRegistry } from '../support/registry.mjs';
import '../support/unhandled.mjs';

const isLong = process.env.ACTONCE_LONG === '1';
const BUNDLERS = { Turbopack: [], webpack: ['--webpack'] };
const SHORT = ['pnpm, isolated · Turbopack'];

const yarnrc = (linker) => (url) =>
  `nodeLinker: ${linker}
npmRegistryServer: "${url}"
unsafeHttpWhitelist: ["127.0.0.1"]
enableGlobalCache: false
enableTelemetry: false
enableImmutableInstalls: false
`;
const npmrc = (url) => `registry=${url}\n`;

/** The command that installs, what tells it the registry, and what starts a program of the app. */
const MANAGERS = {
  npm: { tool: 'npm@11.19.1', install: ['npm', 'install'], file: '.npmrc', settings: npmrc },
  'pnpm, isolated': { tool: 'pnpm@12.21.0', install: ['pnpm', 'install'], file: '.npmrc', settings: npmrc },
  'yarn 1': { tool: 'yarn@1.22.22', install: ['yarn', 'install'], file: '.npmrc', settings: npmrc },
  'yarn 4, node-modules': {
    tool: '@yarnpkg/cli-dist@4.18.1',
    install: ['yarn', 'install'],
    file: '.yarnrc.yml',
    settings: yarnrc('node-modules'),
  },
  bun: { tool: 'bun@1.4.5', install: ['bun', 'install'], file: '.npmrc', settings: npmrc },
};

const fixture = path.join(root, '__test__/fixtures/readme-app');

let registry;
let redis;
let browser;
before(async () => {
  registry = await startRegistry(await tarballs());
  redis = await startRedis();
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await redis?.stop();
  await registry?.stop();
});

/** The README's app, installed. */
async function installed({ tool, install, file, settings }) {
  const folder = temporaryFolder('readme-app');
  fs.cpSync(fixture, folder, { recursive: true });
  writeReadmeFiles(folder);
  fs.writeFileSync(path.join(folder, file), settings(registry.url));
  // Caches of its own: to the next run, the same version of actonce is another package.
  const home = temporaryFolder('home');
  const caches = { XDG_CACHE_HOME: home, XDG_DATA_HOME: home, YARN_CACHE_FOLDER: home, BUN_INSTALL_CACHE_DIR: home };
  const { NODE_TEST_CONTEXT: _, CI: __, ...env } = process.env;
  const command = ['exec', '--yes', '--package', tool, '--', ...install];
  await promisify(execFile)('npm', command, { cwd: folder, env: { ...env, ...caches, npm_config_cache: home } });
  return folder;
}

for (const [manager, how] of Object.entries(MANAGERS)) {
  const bundlers = Object.entries(BUNDLERS).filter(([name]) => isLong || SHORT.includes(`${manager} · ${name}`));
  describe(`the README's app, installed by ${manager}`, { skip: bundlers.length === 0 && 'in the long form' }, () => {
    let app;
    before(async () => {
      app = NextApp.at(await installed(how), { REDIS_URL: redis.url }, []);
    });
    after(() => app?.stop());

    for (const [bundler, flags] of bundlers) {
      it(`${bundler}: it builds, and an order whose answer is lost is charged once`, async (t) => {
        app.forget();
        await app.build(bundler, ...flags);
        const server = await app.start();
        const page = await browser.newPage();
        t.after(() => page.close());
        await page.goto(server.url);
        await hydrated(page, 'form');
        // The first answer never comes; the customer presses again.
        let posts = 0;
        await page.route('**/*', async (route) => {
          if (route.request().method() !== 'POST') return route.continue();
          posts += 1;
          if (posts > 1) return route.continue();
          await route.fetch();
          return route.abort('connectionreset');
        });
        await page.click('button');
        await eventually(() => app.ledger().length === 1, { what: 'the charge' });
        await page.waitForTimeout(500);
        await page.goto(server.url);
        await hydrated(page, 'form');
        await page.click('button');
        await page.waitForURL('**/orders/*');
        assert.equal(await page.textContent('h1'), 'Order ch-1');
        assert.equal(app.ledger().length, 1);
        await server.stop();
      });
    }

    it('Turbopack: where withActonce was forgotten, the errors name it', async () => {
      fs.writeFileSync(path.join(app.folder, 'next.config.ts'), 'export default {};\n');
      await assert.rejects(app.build('forgotten'), (error) => {
        const named = error.message.match(/Wrap next\.config in withActonce\(\) of 'actonce\/next'/g) ?? [];
        const errors = error.message.match(/Module not found/g) ?? [];
        return errors.length > 0 && named.length >= errors.length;
      });
    });
  });
}
