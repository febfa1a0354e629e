// Where actonce cannot run, it says why and which command helps: on another runtime, on an old Node, on a Node that may
// not load addons, and when the addon is missing or was made for another system. npm brings the other runtimes. Without
// a registry their tests are skipped, with the reason.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { addonFile, platform } from '../../scripts/platform.mjs';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { nodeProgram, programOf } from '../support/node-program.mjs';
import { startRedis } from '../support/redis.mjs';
import { runScript } from '../support/script.mjs';
import '../support/unhandled.mjs';

/** Makes a client of the package that `load` returns, and says what came of it. */
const MAKE = `
  try {
    const client = load().createClient({ url: 'memory:' });
    say(await client.withIdempotency('k', () => 'ran', { scope: 's' }));
    await client.close();
  } catch (error) {
    say((error.code ?? error.name) + ' ' + error.message);
  }
`;
const REFUSED = /^ERR_UNSUPPORTED_PLATFORM .*\[ERR_UNSUPPORTED_PLATFORM\]$/;

describe('another runtime than Node', { timeout: 400_000 }, () => {
  let redis;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  const EVERYTHING = `
    const { createClient } = load();
    const { url, prefix } = options;
    for (const more of [{ url: 'memory:' }, { url }, { url, executor: 'thread' }]) {
      const clients = [0, 1].map(() => createClient({ prefix: prefix + Math.random(), cache: false, ...more }));
      const [one] = clients;
      const other = createClient({ prefix: 'x' + prefix, ...more });
      let runs = 0;
      const key = 'k' + Math.random();
      const many = await Promise.all(Array.from({ length: 20 }, () => one.withIdempotency(key, async () => ++runs)));
      const again = await one.withIdempotency.outcome(key, () => ++runs);
      say([runs, new Set(many).size, again.status, again.value].join(' '));
      const started = Promise.withResolvers();
      const slow = one.withIdempotency('slow', async (ctx) => {
        started.resolve();
        await pause(300);
        ctx.assertHeld();
        throw Object.assign(new RangeError('declined'), { code: 'card' });
      });
      await started.promise;
      const waited = one.withIdempotency('slow', () => 'ran again').catch((error) => error.code);
      say([await slow.catch((error) => error.name), await waited].join(' '));
      for (const client of [...clients, other]) await client.close();
    }
    try {
      createClient({ url, executor: 'loop' });
      say('taken');
    } catch (error) {
      say(error.code + ' ' + error.message);
    }
  `;

  it('Bun: every store works by itself, on the thread; its event loop is refused in words', async (t) => {
    const { file: program, reason } = await programOf('bun', ['-p', 'process.execPath']);
    if (!program) return t.skip(reason);
    const options = { url: redis.url, prefix: 'bun' };
    const { said, errors, signal } = await runScript(t, EVERYTHING, { program, options, limitMs: 60_000 });
    assert.equal(signal, null, errors);
    const refusal = said.pop();
    assert.deepEqual(said, Array(3).fill(['1 1 replayed 1', 'RangeError card']).flat(), errors);
    assert.match(refusal, /^ERR_INVALID_ARGUMENT .*executor.*Bun.*'thread'/);
  });

  it('Deno: refused in words, before it would crash', async (t) => {
    const { file: program, reason } = await programOf('deno', ['eval', '-p', 'Deno.execPath()']);
    if (!program) return t.skip(reason);
    const { said, errors, signal } = await runScript(t, MAKE, { program, args: ['run', '-A'], limitMs: 60_000 });
    assert.equal(signal, null, errors);
    assert.match(said[0], REFUSED);
    assert.match(said[0], /Deno/);
  });

  it('a Node that is too old: refused in words, whatever is called first', async (t) => {
    const { file: program, reason } = await nodeProgram(18);
    if (!program) return t.skip(reason);
    const text = `
      const { createClient, withIdempotency, defineStateMachine, inspect } = load();
      const states = { a: { on: { GO: 'b' } }, b: { type: 'final' } };
      for (const call of [
        () => createClient({ url: 'memory:', secret: 'a secret of sixteen' }),
        () => withIdempotency('k', () => 1),
        () => inspect({ key: 'k' }),
        () => defineStateMachine({ id: 'm', initial: 'a', states }),
      ]) {
        try {
          await call();
          say('taken');
        } catch (error) {
          say((error.code ?? error.name) + ' ' + error.message);
        }
      }
    `;
    const { said, errors } = await runScript(t, text, { program });
    assert.equal(said.length, 4, errors);
    assert.match(errors, /^actonce: Node 18\.\S+ is too old/m, 'said at import, once');
    for (const line of said) {
      assert.match(line, REFUSED);
      assert.match(line, /Node 18\.\S+ is too old.*20\.9/);
    }
  });
});

describe('a Node that may not load the addon', () => {
  it('--no-addons', async (t) => {
    const { said } = await runScript(t, MAKE, { args: ['--no-addons'] });
    assert.match(said[0], REFUSED);
    assert.match(said[0], /without --no-addons/);
  });

  for (const [what, allowed, command] of [
    ['--permission without --allow-addons', ['--allow-fs-read=*'], /--allow-addons/],
    ['--permission that does not let the addon be read', ['--allow-addons'], /--allow-fs-read=\S*actonce/],
  ]) {
    it(what, async (t) => {
      const { file: program, reason } = await nodeProgram(24);
      if (!program) return t.skip(reason);
      const app = await installed({ [`actonce-${platform()}`]: { addon: fs.readFileSync(localAddon()) } });
      const readable = [
        path.join(root, '__test__'),
        path.join(app, 'node_modules/actonce'),
        path.join(app, 'script.mjs'),
      ];
      const args = ['--permission', ...allowed, ...readable.map((name) => `--allow-fs-read=${name}`)];
      const { said, errors } = await runIn(t, app, { program, args });
      assert.match(said[0] ?? errors, REFUSED);
      assert.match(said[0], command);
    });
  }
});

/** The addon of this checkout. */
function localAddon() {
  return path.join(root, addonFile());
}

/** An app with the package and these addon packages: `addon` is the file; or `fault` is the error of loading it. */
async function installed(packages) {
  const app = temporaryFolder('app');
  const modules = path.join(app, 'node_modules');
  for (const name of ['dist', 'server', 'package.json']) {
    fs.cpSync(path.join(root, name), path.join(modules, 'actonce', name), { recursive: true });
  }
  for (const [name, { addon, fault }] of Object.entries(packages)) {
    const folder = path.join(modules, name);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version: '0.1.0', main: 'index.js' }));
    const text = fault
      ? `throw Object.assign(new Error(${JSON.stringify(fault)}), { code: 'ERR_DLOPEN_FAILED' });`
      : "module.exports = require('./actonce.node');";
    fs.writeFileSync(path.join(folder, 'index.js'), text);
    if (addon) fs.writeFileSync(path.join(folder, 'actonce.node'), addon);
  }
  return app;
}

/** Runs `MAKE` with the package that is installed in an app. */
function runIn(t, app, { preface = '', program, args } = {}) {
  const text = `
    ${preface}
    const own = createRequire(${JSON.stringify(path.join(app, 'app.cjs'))});
    { const load = () => own('actonce'); ${MAKE} }
  `;
  return runScript(t, text, { program, args, folder: app });
}

/** The addon with one text in it replaced. */
function patched(from, to) {
  const addon = fs.readFileSync(localAddon());
  const at = addon.indexOf(from);
  assert.ok(at > 0 && from.length === to.length, `${from} is in the addon`);
  addon.write(to, at);
  return addon;
}

describe('an addon that does not load', {
  skip: process.platform !== 'linux' && 'the messages are those of Linux',
}, () => {
  const name = `actonce-linux-${process.arch}-gnu`;
  const refusal = async (t, packages, more) => {
    const { said, errors } = await runIn(t, await installed(packages), more);
    assert.match(said[0] ?? errors, REFUSED);
    return said[0];
  };

  it('with one that fits everything works', async (t) => {
    const app = await installed({ [name]: { addon: fs.readFileSync(localAddon()) } });
    assert.deepEqual((await runIn(t, app)).said, ['ran']);
  });

  it('it is not installed', async (t) => {
    const said = await refusal(t, {});
    assert.match(said, new RegExp(`${name} is not installed.*npm install --include=optional`));
  });

  it('this platform has none', async (t) => {
    const preface = "Object.defineProperty(process, 'platform', { value: 'sunos' });";
    const said = await refusal(t, {}, { preface });
    assert.match(said, /sunos-\w+ is not supported.*Linux/);
  });

  it('the glibc of this system is too old', async (t) => {
    const said = await refusal(t, { [name]: { addon: patched('GLIBC_2.34', 'GLIBC_9.34') } });
    assert.match(said, /glibc [\d.]+ .*too old.*9\.34/);
  });

  it('it is for musl, and this system has glibc', async (t) => {
    const fault = 'libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory';
    const said = await refusal(t, { [`actonce-linux-${process.arch}-musl`]: { fault } });
    assert.match(said, new RegExp(`for musl.*has glibc.*npm install.*${name}`));
  });

  it('it is for glibc, and this system has musl', async (t) => {
    const fault =
      'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /app/a.node)';
    const said = await refusal(t, { [name]: { fault } });
    assert.match(said, /for glibc.*has musl.*npm install.*-musl/);
  });

  it('it was copied from another system, or is damaged', async (t) => {
    const said = await refusal(t, { [name]: { addon: Buffer.from('\xcf\xfa\xed\xfe of a Mac', 'latin1') } });
    assert.match(said, /does not load.*(invalid ELF header|file too short).*npm ci/);
  });
});
