// Runs the built shop: the payment provider, `next start`, and the faulty network in front of it, each a process.
// scripts/start.mjs and the browser test call it.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const shop = fileURLToPath(new URL('.', import.meta.url));
const STOP_MS = 5000;

/**
 * @param port wished for; the next free one is taken
 * @param signal ends everything, also half-way through the start
 * @param print is given what the shop says while it is open: traces of orders
 * @param folder for the ledgers: charges.jsonl is the provider's; orders.jsonl and attempts.jsonl are the shop's
 * @returns { url, folder, pids, ended: resolves when one of the processes ends by itself, stop() }
 */
export async function startShop({
  port = 3000,
  folder = join(shop, '.data'),
  env = process.env,
  print = () => {},
  signal,
} = {}) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const children = [];
  const stop = () => Promise.all(children.map(end));
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const provider = part('provider/provider.mjs', { PROVIDER_LEDGER: join(folder, 'charges.jsonl') });
    const providerPort = await portOf(provider);

    const nextPort = await freePort();
    const next = nextServer(nextPort, {
      ...env,
      // With neither variable actonce uses its embedded store; in production it wants that said.
      ACTONCE_URL: env.ACTONCE_URL ?? env.REDIS_URL ?? 'memory:',
      PROVIDER_URL: `http://127.0.0.1:${providerPort}`,
      SHOP_DATA: folder,
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
    });
    await ready(next);
    next.stdout.on('data', (text) => print(String(text)));

    const network = part('network/proxy.mjs', { SHOP_PORT: String(nextPort), PORT: String(port) });
    const url = `http://127.0.0.1:${await portOf(network)}`;
    const ended = Promise.race(children.map((child) => once(child, 'exit').then(() => child.spawnfile)));
    return { url, folder, pids: children.map((child) => child.pid), ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }

  function part(file, variables) {
    const child = fork(join(shop, file), { env: { ...env, ...variables } });
    children.push(child);
    return child;
  }

  function nextServer(nextPort, variables) {
    const nextCli = createRequire(import.meta.url).resolve('next/dist/bin/next');
    const args = [nextCli, 'start', shop, '-H', '127.0.0.1', '-p', String(nextPort)];
    const child = spawn(process.execPath, args, { env: variables, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  }
}

/** A provider or network says its port when it listens. */
async function portOf(child) {
  const [message] = await Promise.race([once(child, 'message'), failed(child)]);
  return message.port;
}

async function ready(next) {
  const says = new Promise((resolve) => {
    next.stdout.on('data', (text) => /Ready in/.test(text) && resolve());
  });
  await Promise.race([failed(next), says]);
}

async function failed(child) {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`${child.spawnargs.slice(1, 3).join(' ')} ended with ${code ?? signal} before it was ready`);
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** Asks a process to end; insists after a while. */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exit;
  clearTimeout(insist);
}
