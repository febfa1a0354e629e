// A fake payment provider, in a process of its own: `POST /charges` takes money, `GET /charges` shows its ledger.
// It charges as often as it is asked. Not recognising a repeated request is what makes it worth protecting.
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import http from 'node:http';

const ledger = process.env.PROVIDER_LEDGER;
if (!ledger) throw new Error('PROVIDER_LEDGER must name the file to append charges to');
const paymentMs = Number(process.env.PROVIDER_PAYMENT_MS ?? 1200);

const server = http.createServer(async (request, response) => {
  const route = `${request.method} ${request.url}`;
  if (route === 'GET /charges') return answer(response, 200, charges());
  if (route !== 'POST /charges') return answer(response, 404, { error: 'no such resource' });
  const { reference, amountCents } = JSON.parse(await bodyOf(request));
  setTimeout(() => answer(response, 201, charge(reference, amountCents)), paymentMs);
});

/** The moment money moves. appendFile opens with O_APPEND: a line is whole, even with two charges at once. */
function charge(reference, amountCents) {
  const made = { id: `ch_${randomUUID().slice(0, 8)}`, reference, amountCents, atMs: Date.now() };
  appendFileSync(ledger, `${JSON.stringify(made)}\n`);
  return made;
}

function charges() {
  if (!existsSync(ledger)) return [];
  return readFileSync(ledger, 'utf8')
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

async function bodyOf(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

function answer(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }));
// Started by run.mjs: without it there is nobody to serve.
process.on('disconnect', () => process.exit());
