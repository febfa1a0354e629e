// The network between a browser and Next: a TCP proxy that loses the answers to Server Actions (the server has run
// them), and balances over several servers, request by request.
import net from 'node:net';
import { readRequests } from '../../examples/shop/network/requests.mjs';

/** How an answer is lost, at its first bytes. */
const ENDS = {
  fin: (client) => client.destroy(),
  rst: (client) => client.resetAndDestroy(),
  /** The head arrives, and nothing of the body. */
  cut: (client, chunk) => client.end(chunk.subarray(0, chunk.indexOf('\r\n\r\n') + 4)),
  /** Something in between answers in its place: nginx, and Envoy. */
  page: (client) => client.end(gateway('502 Bad Gateway', 'text/html', '<h1>502 Bad Gateway</h1>')),
  words: (client) =>
    client.end(gateway('503 Service Unavailable', 'text/plain', 'upstream connect error or disconnect')),
};

function gateway(status, type, body) {
  const head = [`HTTP/1.1 ${status}`, `content-type: ${type}`, `content-length: ${body.length}`, 'connection: close'];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

export class LossyHttp {
  /** What the browser has sent to be done, as it came. */
  posts = [];
  #upstreamPorts;
  #requests = 0;
  #server;
  #sockets = new Set();
  #toLose = 0;
  #on = 'any';
  #end = ENDS.fin;

  static async start(...upstreamPorts) {
    const proxy = new LossyHttp();
    proxy.#upstreamPorts = upstreamPorts;
    proxy.#server = net.createServer({ noDelay: true }, (client) => proxy.#serve(client));
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    proxy.port = proxy.#server.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  /**
   * Loses the next answers to actions.
   * @param on `reused`: spares a connection's first request, which no browser sends again. `fresh`: no connection is
   *   kept until then, so that the browser does not send again by itself.
   * @param by what the browser's side sees: `fin`, `rst`, the body `cut` off, or a proxy's own `page` or `words`
   */
  lose(count, { on = 'any', by = 'fin' } = {}) {
    this.#toLose = count;
    this.#on = on;
    this.#end = ENDS[by];
    if (on === 'fresh') this.#cutConnections();
  }

  #cutConnections() {
    for (const socket of this.#sockets) socket.destroy();
  }

  #track(socket) {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
  }

  #serve(client) {
    this.#track(client);
    let served = 0;
    let upstream;
    client.on('close', () => upstream?.destroy());
    readRequests(client, ({ method, bytes, path }) => {
      const reused = served++ > 0;
      const loses = method === 'POST' && this.#toLose > 0 && (reused || this.#on !== 'reused');
      const isLast = this.#toLose > 0 && this.#on === 'fresh';
      if (method === 'POST') this.posts.push({ bytes, path, reused, lost: loses });
      if (loses) this.#toLose -= 1;
      // One connection a request: its end is not the end of the browser's.
      upstream?.destroy();
      const port = this.#upstreamPorts[this.#requests++ % this.#upstreamPorts.length];
      upstream = net.connect({ port, host: '127.0.0.1', noDelay: true });
      this.#track(upstream);
      upstream.write(isLast ? closing(bytes) : bytes);
      upstream.on('data', (chunk) => {
        // The first bytes of the answer: the action has ended.
        if (loses) this.#end(client, chunk);
        else client.write(chunk);
      });
      const current = upstream;
      current.on('close', () => current === upstream && (isLast || current.bytesRead === 0) && client.end());
    });
  }

  async stop() {
    this.#cutConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The server then says that this connection ends, and ends it. */
function closing(request) {
  return Buffer.from(request.toString('latin1').replace(/^connection: .*$/im, 'connection: close'), 'latin1');
}
