// `actonce init` in the apps that create-next-app really makes: built, and used in Chromium. Only in the long form.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../scripts/step.mjs';
import { hydrated, launchBrowser } from '../support/browser.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { tarballs } from '../support/install.mjs';
import { NextApp } from '../support/next-app.mjs';
import { startRedis } from '../support/redis.mjs';
import { startRegistry } from '../support/registry.mjs';
import '../support/unhandled.mjs';

const CREATE_NEXT_APP = 'create-next-app@16.4.3';
/** `--empty`, because the layout of the full template downloads fonts. */
const DEFAULTS = '--app --empty --yes --skip-install --disable-git --no-eslint --no-tailwind --use-npm'.split(' ');
const VARIANTS = {
  'TypeScript, app': ['--ts', '--no-src-dir'],
  'TypeScript, src/app': ['--ts', '--src-dir'],
  'JavaScript, app': ['--js', '--no-src-dir'],
  'JavaScript, src/app': ['--js', '--src-dir'],
};
const isLong = process.env.ACTONCE_LONG === '1';
const exec = promisify(execFile);

describe('an app of create-next-app, after actonce init', { skip: !isLong && 'in the long form' }, () => {
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

  for (const [variant, flags] of Object.entries(VARIANTS)) {
    it(`${variant}: it builds, and takes an order`, async (t) => {
      const parent = temporaryFolder('create-next-app');
      const folder = path.join(parent, 'shop');
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const options = { cwd: parent, env: { ...env, npm_config_cache: path.join(parent, '.npm') } };
      await exec('npx', ['--yes', CREATE_NEXT_APP, 'shop', ...DEFAULTS, ...flags], options);
      await exec(process.execPath, [path.join(root, 'dist/cli.mjs'), 'init'], { cwd: folder });
      const install = ['install', 'actonce', '--registry', registry.url, '--no-audit', '--no-fund'];
      await exec('npm', install, { ...options, cwd: folder });
      const app = NextApp.at(folder, { REDIS_URL: redis.url }, []);
      t.after(() => app.stop());
      await app.build();
      const server = await app.start();
      // Not without JavaScript: with cacheComponents Next streams what depends on the request, and a script shows it.
      const page = await browser.newPage();
      t.after(() => page.close());
      await page.goto(`${server.url}/order`);
      await hydrated(page, 'form');
      await page.fill('input[name=bags]', '3');
      await page.click('button');
      assert.equal(await page.locator('[role=status]').textContent(), 'Ordered: 3');
    });
  }
});
