// Run by node-versions.test.mjs under each version of Node: `every-node.mjs <redis url>`. Prints what it saw as JSON.
// In a worker thread it replays what the main thread has recorded.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createClient } from './actonce.mjs';

async function replayInThread(options) {
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: options });
  return await new Promise((resolve, reject) => {
    let answer;
    thread.once('error', reject);
    thread.once('message', (message) => {
      answer = message;
    });
    thread.once('exit', (code) => (code === 0 ? resolve(answer) : reject(new Error(`the thread ended with ${code}`))));
  });
}

async function tryStore(options) {
  const client = createClient(options);
  const { withIdempotency } = client;
  let executed = 0;
  const first = await withIdempotency('k', () => ({ run: ++executed, at: new Date(0) }));
  const second = await withIdempotency.outcome('k', () => ({ run: ++executed }));
  let concurrent = 0;
  const many = Array.from({ length: 50 }, () => withIdempotency('many', async () => ++concurrent));
  const answers = new Set(await Promise.all(many));
  const inThread = await replayInThread(options);
  await client.close();
  const same = second.value.run === first.run && second.value.at.getTime() === 0;
  return { executed, replayed: same && second.status === 'replayed', concurrent: answers.size * concurrent, inThread };
}

async function main(url) {
  const stores = {};
  const configurations = {
    memory: { url: 'memory:' },
    loop: { url, executor: 'loop' },
    thread: { url, executor: 'thread' },
  };
  for (const [name, options] of Object.entries(configurations)) {
    stores[name] = await tryStore({ ...options, prefix: randomUUID() });
  }
  console.log(JSON.stringify({ node: process.versions.node, stores }));
}

if (isMainThread) {
  await main(process.argv[2]);
} else {
  const client = createClient(workerData);
  const { status } = await client.withIdempotency.outcome('k', () => 'ran again');
  await client.close();
  parentPort.postMessage(status);
}
