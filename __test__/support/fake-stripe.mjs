// What Stripe's real client talks to here: the part of its API that takes payments, with its rules about idempotency keys
// (https://docs.stripe.com/api/idempotent_requests). The first answer is kept for the key, whatever it was: a decline and
// a 500 as well. Other parameters under the same key are refused, and a request beside a running one is a 409.
import http from 'node:http';
import { eventually } from './eventually.mjs';

const error = (status, body) => ({ status, body: { error: body } });
const declined = (intent) =>
  error(402, {
    type: 'card_error',
    code: 'card_declined',
    decline_code: 'insufficient_funds',
    message: 'Your card has insufficient funds.',
    payment_intent: intent,
  });

class FakeStripe {
  /** Money that moved: `{ intent, amount, card }`. */
  charges = [];
  /** Every request that came: `{ path, key, replayed }`. */
  requests = [];
  #intents = new Map();
  #kept = new Map();
  #faults = [];
  #waiting = [];
  #server;
  #sockets = new Set();

  constructor(server) {
    this.#server = server;
    server.on('request', (request, response) => this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /**
   * What becomes of the next POSTs that are no repetitions. `none`: what should. `silent`: done, and no answer ever comes.
   * `slow`: not done before `goOn()`, meanwhile its key is in use. `error`: not done, and a 500 is kept.
   */
  next(...faults) {
    this.#faults.push(...faults);
  }

  goOn() {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Resolves when a slow request has come. */
  async isWorking() {
    await eventually(() => this.#waiting.length > 0, { withinMs: 20_000, what: 'a slow request' });
  }

  /** Resolves when money has moved that often. */
  async charged(times) {
    await eventually(() => this.charges.length >= times, { withinMs: 20_000, what: `${times} charges` });
  }

  stop() {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request, response) {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { pathname: path } = new URL(request.url, this.url);
    if (request.method === 'GET') return send(response, this.#read(path));
    const key = request.headers['idempotency-key'];
    const sent = `${path}?${body}`;
    const kept = this.#kept.get(key);
    this.requests.push({ path, key, replayed: kept !== undefined });
    if (kept !== undefined) return send(response, repeated(kept, sent), { 'idempotent-replayed': 'true' });
    const entry = { sent, answer: undefined };
    this.#kept.set(key, entry);
    const fault = this.#faults.shift();
    if (fault === 'slow') await new Promise((resolve) => this.#waiting.push(resolve));
    const failure = error(500, { type: 'api_error', message: 'Something is wrong on our side.' });
    entry.answer = fault === 'error' ? failure : this.#do(path, new URLSearchParams(body));
    if (fault !== 'silent') send(response, entry.answer);
  }

  #do(path, fields) {
    const [, id] = /^\/v1\/payment_intents\/(\w+)\/confirm$/.exec(path) ?? [];
    if (id !== undefined) return this.#confirm(this.#intents.get(id), fields.get('payment_method'));
    const intent = {
      id: `pi_${this.#intents.size + 1}`,
      object: 'payment_intent',
      amount: Number(fields.get('amount')),
      status: 'requires_payment_method',
      metadata: { cart: fields.get('metadata[cart]') },
    };
    this.#intents.set(intent.id, intent);
    if (fields.get('confirm') !== 'true') return { status: 200, body: { ...intent } };
    return this.#confirm(intent, fields.get('payment_method'));
  }

  #confirm(intent, card) {
    if (intent.status === 'succeeded') {
      const message = 'This PaymentIntent has succeeded.';
      return error(400, { type: 'invalid_request_error', code: 'payment_intent_unexpected_state', message });
    }
    if (card === 'pm_declined') return declined({ ...intent });
    intent.status = 'succeeded';
    this.charges.push({ intent: intent.id, amount: intent.amount, card });
    return { status: 200, body: { ...intent } };
  }

  #read(path) {
    const [, id] = /^\/v1\/payment_intents\/(\w+)$/.exec(path) ?? [];
    if (id !== undefined) return { status: 200, body: this.#intents.get(id) };
    return { status: 200, body: { object: 'list', has_more: false, data: [...this.#intents.values()].toReversed() } };
  }
}

function repeated({ sent, answer }, again) {
  if (answer === undefined) {
    const message = 'There is another request in progress with this idempotency key.';
    return error(409, { type: 'idempotency_error', code: 'idempotency_key_in_use', message });
  }
  if (sent === again) return answer;
  const message = 'Keys for idempotent requests can only be used with the same parameters.';
  return error(400, { type: 'idempotency_error', message });
}

function send(response, { status, body }, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_1', ...headers });
  response.end(JSON.stringify(body));
}

export async function startFakeStripe() {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new FakeStripe(server);
}
