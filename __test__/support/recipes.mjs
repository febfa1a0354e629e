// The recipes of docs/recipes as they stand there: TypeScript of __test__/fixtures/recipes, compiled, with their own
// packages and actonce from its tarball. They use the default client, as an app would, so all suites of one process have one
// Redis. Whoever imports this finds it all ready.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from '../../scripts/step.mjs';
import { NextApp } from './next-app.mjs';
import { startRedis } from './redis.mjs';
import { startScript } from './script.mjs';

export const folder = path.join(root, '__test__/fixtures/recipes');
const STRIPE = ['client', 'pay', 'pay-cart', 'webhook'].map((name) => `stripe/${name}`);
const ENTRIES = [...STRIPE, 'drizzle/orders', 'prisma/orders', 'decimal/prices', 'decimal/invoices'];

const fileOf = (name) => path.join(folder, 'dist', `${name}.mjs`);

/** Installs, generates and compiles what the recipes need. */
async function prepare() {
  await NextApp.prepare('recipes');
  const prisma = path.join(folder, 'node_modules/prisma/build/index.js');
  // `generate` downloads the engine of `migrate`, which it does not run, unless it is told where one is: any program does.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };
  const generate = [prisma, 'generate', '--schema', 'prisma/schema.prisma'];
  execFileSync(process.execPath, generate, { cwd: folder, env, stdio: 'pipe' });
  await build({
    entryPoints: ENTRIES.map((name) => ({ in: path.join(folder, `${name}.ts`), out: name })),
    outdir: path.join(folder, 'dist'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
}

await prepare();
export const redis = await startRedis();
process.env.ACTONCE_URL = redis.url;
/** The package as the recipes have it. */
export const actonce = await import(pathToFileURL(path.join(folder, 'node_modules/actonce/dist/index.cjs')));
after(async () => {
  await actonce.close({ graceMs: 0 });
  await redis.stop();
});

/** A recipe's module; it reads its part of the environment now. */
export const recipe = (name) => import(pathToFileURL(fileOf(name)));

/** One call of a recipe's function in a process of its own, which says how it ended. */
export function startRecipe(test, name, fn, args, env = {}) {
  const text = `
    const { [options.fn]: fn } = await import(options.file);
    try {
      say(JSON.stringify({ value: await fn(...options.args) }));
    } catch (error) {
      say([error.message, error.cause?.message].join(': '));
    }
    process.exit();
  `;
  const options = { file: pathToFileURL(fileOf(name)).href, fn, args };
  return startScript(test, text, { options, env, limitMs: 60_000 });
}

/** The lease of a record that is in progress has run out, as if its owner had been gone for that long. */
export async function leaseRunsOut(target) {
  const { hash, leaseRemainingMs } = await actonce.inspect(target);
  const name = `actonce:{${hash}}`;
  const leftMs = await redis.send('PTTL', name);
  await redis.send('PEXPIRE', name, leftMs - leaseRemainingMs - 1_000);
}
