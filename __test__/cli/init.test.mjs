// `actonce init` in the apps that create-next-app makes, in others, and in folders that hold none.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import '../support/unhandled.mjs';

const CLI = path.join(root, 'dist/cli.mjs');

/** As create-next-app 16.4 writes it. */
const CONFIGS = {
  'next.config.ts': `import type { NextConfig } from "next";

const nextConfig: NextConfig = {
  /* config options here */
  cacheComponents: true,
};

export default nextConfig;
`,
  'next.config.mjs': `/** @type {import('next').NextConfig} */
const nextConfig = {
  /* config options here */
  cacheComponents: true,
};

export default nextConfig;
`,
};

function app(files) {
  const folder = temporaryFolder('init');
  const all = { 'package.json': '{ "dependencies": { "next": "16.4.6" } }', 'app/page.jsx': '', ...files };
  for (const [name, text] of Object.entries(all)) {
    if (text === undefined) continue;
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

/** Without a terminal, as in a pipe. */
function run(folder, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8' });
  assert.equal(stderr, '');
  return { status, said: stdout };
}

const read = (folder, name) => fs.readFileSync(path.join(folder, name), 'utf8');

describe('actonce init', () => {
  for (const [config, text] of Object.entries(CONFIGS)) {
    for (const routes of ['app', 'src/app']) {
      it(`writes the configuration, the action, the form and the page: ${config}, ${routes}`, () => {
        const isTypeScript = config.endsWith('.ts');
        const [plain, markup] = isTypeScript ? ['ts', 'tsx'] : ['js', 'jsx'];
        const more = isTypeScript ? { 'tsconfig.json': '{}' } : {};
        const folder = app({ 'app/page.jsx': undefined, [config]: text, [`${routes}/page.${markup}`]: '', ...more });
        const { status, said } = run(folder, 'init');
        assert.equal(status, 0);
        const files = [`actions.${plain}`, `order-form.${markup}`, `page.${markup}`].map(
          (name) => `${routes}/order/${name}`,
        );
        for (const name of files) {
          assert.match(said, new RegExp(`created  ${name.replaceAll('.', '\\.')}\n`));
          assert.equal(/: FormData|: \{ initialKey/.test(read(folder, name)), isTypeScript && !name.includes('page'));
        }
        assert.match(said, new RegExp(`changed  ${config}`));
        assert.match(said, /npm install actonce/);
        const after = read(folder, config);
        assert.equal(
          after.replace("import { withActonce } from 'actonce/next';\n", '').trimStart().split('\n').length,
          text.split('\n').length,
        );
        assert.match(after, /^export default withActonce\(nextConfig\);$/m);
        assert.equal(run(folder, 'init').said.match(/^left /gm).length, 4, 'a second time changes nothing');
        assert.equal(read(folder, config), after);
      });
    }
  }

  it('knows other shapes of a configuration, and shows what to write where it knows none', () => {
    const config = (text) => {
      const folder = app({ 'next.config.js': text });
      return { ...run(folder, 'init'), text: read(folder, 'next.config.js') };
    };
    const object = config('export default {\n  a: { b: 1 },\n\n  c: [2],\n};\n');
    assert.equal(
      object.text,
      "import { withActonce } from 'actonce/next';\n\nexport default withActonce({\n  a: { b: 1 },\n\n  c: [2],\n});\n",
    );
    assert.match(
      config('module.exports = {};\n').text,
      /require\('actonce\/next'\);\n\nmodule\.exports = withActonce\(\{\}\);\n$/,
    );
    for (const text of [
      'export default async () => ({});\n',
      'export default withMdx({ a: 1 });\n',
      'export default a ? b : c\n',
    ]) {
      const { said, status, text: after } = config(text);
      assert.equal(after, text);
      assert.equal(status, 0);
      assert.match(said, /Write into it by hand:\n.*import \{ withActonce \}/);
    }
    const folder = app({});
    run(folder, 'init');
    assert.match(read(folder, 'next.config.mjs'), /withActonce\(\{\}\)/);
  });

  it('overwrites a file only if it was told to', () => {
    const folder = app({ 'app/order/actions.js': '// mine\n' });
    assert.match(run(folder, 'init').said, /left {5}app\/order\/actions\.js\n/);
    assert.equal(read(folder, 'app/order/actions.js'), '// mine\n');
    assert.match(run(folder, 'init', '--yes').said, /replaced app\/order\/actions\.js\n/);
    assert.match(read(folder, 'app/order/actions.js'), /idempotentAction/);
  });

  it('says how the package is installed, by the lock file that is there', () => {
    for (const [lock, command] of [
      ['pnpm-lock.yaml', 'pnpm add'],
      ['yarn.lock', 'yarn add'],
      ['bun.lock', 'bun add'],
    ]) {
      assert.match(run(app({ [lock]: '' }), 'init').said, new RegExp(`${command} actonce`));
    }
    const own = app({ 'package.json': '{ "dependencies": { "next": "16.4.6", "actonce": "0.1.0" } }' });
    assert.doesNotMatch(run(own, 'init').said, /install actonce/);
  });

  it('leaves a folder alone that holds no such app, and says why', () => {
    for (const [files, why] of [
      [{ 'package.json': undefined }, /no package\.json/],
      [{ 'package.json': '{' }, /not JSON/],
      [{ 'package.json': '{}' }, /does not name next/],
      [{ 'app/page.jsx': undefined, 'pages/index.jsx': '' }, /App Router/],
    ]) {
      const folder = app(files);
      const before = fs.readdirSync(folder, { recursive: true });
      const { status, said } = run(folder, 'init');
      assert.equal(status, 1);
      assert.match(said, why);
      assert.deepEqual(fs.readdirSync(folder, { recursive: true }), before);
    }
  });

  it('explains itself', () => {
    const folder = temporaryFolder('init');
    assert.equal(run(folder, '--help').status, 0);
    for (const args of [[], ['start'], ['init', '--force'], ['init', 'a', 'b']]) {
      const { status, said } = run(folder, ...args);
      assert.equal(status, 2);
      assert.match(said, /actonce init \[folder\]/);
    }
  });
});
