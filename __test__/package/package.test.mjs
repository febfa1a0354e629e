// The package as npm delivers it: packed, installed into an empty folder from a registry, and used from there.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { platform, platforms } from '../../scripts/platform.mjs';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { tarballs as packed } from '../support/install.mjs';
import { startRegistry } from '../support/registry.mjs';
import '../support/unhandled.mjs';

const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const { version } = manifest;

/** npm with a registry of the test and a cache of its own: to the next run, the same version is another package. */
function npm(cwd, { url }, ...args) {
  const options = ['--registry', url, '--cache', path.join(cwd, '.npm'), '--no-audit', '--no-fund', '--loglevel=error'];
  return promisify(execFile)('npm', [...args, ...options], { cwd });
}

/** What every package holds. */
const COMMON = ['LICENSE', 'README.md', 'THIRD_PARTY_LICENSES', 'package.json', 'sbom.cdx.json'];

describe('the packed package', () => {
  const app = temporaryFolder('app');
  let tarballs;
  let registry;

  const filesIn = (tarball) =>
    execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((file) => file.replace(/^package\//, ''))
      .sort();

  /** The platform packages that were packed: the platform and the tarball of each. */
  const natives = () =>
    tarballs
      .slice(1)
      .map((tarball) => [path.basename(tarball).slice('actonce-'.length, -`-${version}.tgz`.length), tarball]);

  /** Runs a script in the app's folder; its stdout is the answer. */
  function runInApp(name, text) {
    fs.writeFileSync(path.join(app, name), text);
    const { NODE_TEST_CONTEXT: _, REDIS_URL: __, ...env } = process.env;
    const options = { cwd: app, encoding: 'utf8', env: { ...env, ACTONCE_URL: 'memory:' } };
    return execFileSync(process.execPath, [name], options).trim();
  }

  before(async () => {
    tarballs = await packed();
    registry = await startRegistry(tarballs);
    fs.writeFileSync(path.join(app, 'package.json'), '{ "private": true }\n');
    await npm(app, registry, 'install', 'actonce');
  });
  after(() => registry?.stop());

  it('holds the files that are meant, and no other', () => {
    const dist = ['dist', 'server'].flatMap((folder) =>
      fs.readdirSync(path.join(root, folder)).map((file) => `${folder}/${file}`),
    );
    assert.ok(dist.includes('dist/index.cjs') && dist.includes('dist/index.mjs'));
    assert.deepEqual(
      dist.filter((file) => !/\.(cjs|mjs|d\.mts)$/.test(file)),
      [],
    );
    const types = ['index.d.ts', 'machine.d.ts', 'next.d.ts', 'react.d.ts', 'testing.d.ts'];
    const texts = [...COMMON, 'CHANGELOG.md', ...types];
    const inPackage = filesIn(tarballs[0]);
    const isShown = (file) =>
      /^(docs|bench|examples)\//.test(file) || file === 'ARCHITECTURE.md' || file === 'CONTRIBUTING.md';
    assert.deepEqual(
      inPackage.filter((file) => !isShown(file)),
      [...texts, ...dist].sort(),
    );
    for (const [name, tarball] of natives()) {
      assert.deepEqual(filesIn(tarball), [...COMMON, `actonce.${name}.node`].sort());
    }
  });

  it('is no larger than it must be', () => {
    const LARGEST_KB = { main: 500, native: 2_000 };
    for (const tarball of tarballs) {
      const kB = fs.statSync(tarball).size / 1_000;
      const largest = tarball === tarballs[0] ? LARGEST_KB.main : LARGEST_KB.native;
      assert.ok(kB < largest, `${path.basename(tarball)}: ${kB} kB`);
    }
  });

  it('shows in its README only what it holds', () => {
    const held = new Set(filesIn(tarballs[0]));
    const text = fs.readFileSync(path.join(app, 'node_modules/actonce/README.md'), 'utf8');
    const shown = [...text.matchAll(/\]\(([^)#]+)|src(?:set)?="([^"]+)"/g)].map(([, link, picture]) => link ?? picture);
    assert.ok(shown.length > 10);
    assert.deepEqual(
      shown.filter((file) => !file.startsWith('https://') && !held.has(file)),
      [],
    );
  });

  it('names the code of others that it contains, and their licences, for a person and for a machine', () => {
    for (const [index, wanted] of [['devalue'], ['redis', 'rustls', 'ring', 'blake3', 'tokio', 'napi']].entries()) {
      const read = (file) => execFileSync('tar', ['-xzOf', tarballs[index], `package/${file}`], { encoding: 'utf8' });
      const { bomFormat, components } = JSON.parse(read('sbom.cdx.json'));
      assert.equal(bomFormat, 'CycloneDX');
      const notices = read('THIRD_PARTY_LICENSES');
      for (const name of wanted)
        assert.ok(
          components.some((component) => component.name === name),
          name,
        );
      for (const { name, version: of, licenses } of components) {
        assert.ok(notices.includes(`${name} ${of} (${licenses[0].expression})`), `${name} has no notice`);
      }
    }
  });

  it('is as publint and arethetypeswrong want it', () => {
    const bin = (name) => path.join(root, 'node_modules/.bin', name);
    execFileSync(bin('publint'), ['run', tarballs[0], '--strict'], { stdio: 'pipe' });
    // `actonce/server` is imported by our own files only.
    execFileSync(bin('attw'), [tarballs[0], '--exclude-entrypoints', 'server'], { stdio: 'pipe' });
  });

  it('runs nothing at installation, and asks for the platform packages that were packed with it, and for no other', () => {
    const installed = path.join(app, 'node_modules/actonce/package.json');
    const { scripts, devDependencies, dependencies, optionalDependencies } = JSON.parse(fs.readFileSync(installed));
    assert.deepEqual([scripts, devDependencies, dependencies], [undefined, undefined, undefined]);
    const wanted = natives().map(([name]) => [`actonce-${name}`, version]);
    assert.ok(wanted.some(([name]) => name === `actonce-${platform()}`));
    assert.deepEqual(optionalDependencies, Object.fromEntries(wanted));
  });

  it('is installed again by npm ci from the lock file that npm install wrote', async () => {
    await npm(app, registry, 'ci');
    assert.ok(fs.existsSync(path.join(app, `node_modules/actonce-${platform()}/actonce.${platform()}.node`)));
  });

  it('is installed where one of the platform packages is missing, and says so only if it is needed', async (t) => {
    for (const [name, missing] of natives()) {
      const poor = await startRegistry(tarballs.filter((tarball) => tarball !== missing));
      t.after(() => poor.stop());
      const folder = temporaryFolder('poor');
      fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
      await npm(folder, poor, 'install', 'actonce');
      const script = `require('actonce').withIdempotency('k', () => 'ran').then(console.log, ({ message }) => console.log(message))`;
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const call = (more) =>
        execFileSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8', env: { ...env, ...more } });
      const said = call({ ACTONCE_URL: 'memory:' });
      if (name === platform()) assert.match(said, new RegExp(`actonce-${name} is not installed: run npm install`));
      else assert.equal(said, 'ran\n');
      assert.equal(call({ ACTONCE_DISABLED: '1' }), 'ran\n');
    }
  });

  it('can be required and imported, and both see the same default client', () => {
    const answer = runInApp(
      'both.cjs',
      `const required = require('actonce');
      (async () => {
        const imported = await import('actonce');
        const missing = Object.keys(required).filter((name) => imported[name] !== required[name]);
        let runs = 0;
        const fn = () => ({ runs: ++runs });
        const first = await imported.withIdempotency('k', fn, { scope: 'test' });
        const second = await required.withIdempotency('k', fn, { scope: 'test' });
        console.log(JSON.stringify({ missing, first, second }));
        await required.close();
      })();`,
    );
    assert.deepEqual(JSON.parse(answer), { missing: [], first: { runs: 1 }, second: { runs: 1 } });
  });

  it('runs on the addon of the platform package', () => {
    const addon = runInApp(
      'addon.cjs',
      `const { withIdempotency, close } = require('actonce');
      withIdempotency('k', () => 1, { scope: 'test' }).then(() => {
        console.log(Object.keys(require.cache).filter((file) => file.endsWith('.node')).join());
        return close();
      });`,
    );
    assert.match(addon, new RegExp(`node_modules/actonce-${platform()}/actonce\\.${platform()}\\.node$`));
  });

  it('has types that a strict TypeScript project accepts, from an ES module and from CommonJS', () => {
    const text = `import { withIdempotency, createClient, type Outcome } from 'actonce';
      const order: Promise<{ id: number }> = withIdempotency('k', async (ctx) => ({ id: ctx.attempt }));
      const outcome: Promise<Outcome<string>> = createClient().withIdempotency.outcome('k', () => 'v');
      // @ts-expect-error a key is a string
      withIdempotency(1, () => 1);
      export { order, outcome };`;
    for (const extension of ['mts', 'cts']) fs.writeFileSync(path.join(app, `user.${extension}`), text);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', ''];
    const tsc = path.join(root, 'node_modules/.bin/tsc');
    execFileSync(tsc, [...options, 'user.mts', 'user.cts'], { cwd: app, encoding: 'utf8', stdio: 'pipe' });
  });
});

describe('the platform packages', () => {
  it('each say for which machine they are, in the words of their name', () => {
    for (const name of platforms()) {
      const [os, cpu, libc] = name.split('-');
      const stated = JSON.parse(fs.readFileSync(path.join(root, 'npm', name, 'package.json'), 'utf8'));
      assert.equal(stated.name, `actonce-${name}`);
      assert.deepEqual([stated.os, stated.cpu], [[os], [cpu]]);
      assert.deepEqual(stated.libc, libc && [libc === 'gnu' ? 'glibc' : 'musl']);
      assert.deepEqual([stated.main, stated.files], [`actonce.${name}.node`, [`actonce.${name}.node`]]);
      assert.deepEqual(stated.engines, manifest.engines);
    }
  });

  it('are loaded by the names that exist', () => {
    const loader = fs.readFileSync(path.join(root, 'server/index.cjs'), 'utf8');
    const asked = [...loader.matchAll(/require\(["']actonce-([a-z0-9-]+)["']\)/g)].map(([, name]) => name);
    assert.deepEqual(asked.sort(), platforms());
  });
});

describe('the version', () => {
  it('is the same in package.json and Cargo.toml', () => {
    const cargo = fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8');
    assert.equal(/^version = "(.+)"$/m.exec(cargo)[1], version);
  });
});
