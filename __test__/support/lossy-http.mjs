// The network between a browser and Next: a TCP proxy that loses the answers to Server Actions. The server has run them.
import net from 'node:net';
import { readRequests } from '../../examples/shop/network/requests.mjs';

export class LossyHttp {
  /** What the browser has sent to be done, as it came. */
  posts = [];
  #upstreamPort;
  #server;
  #sockets = new Set();
  #toLose = 0;
  #onlyReused = false;

  static async start(upstreamPort) {
    const proxy = new LossyHttp();
    proxy.#upstreamPort = upstreamPort;
    proxy.#server = net.createServer({ noDelay: true }, (client) => proxy.#serve(client));
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    proxy.port = proxy.#server.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  /** Loses the next answers to actions; `onlyReused` spares a connection's first request, which no browser sends again. */
  lose(count, { onlyReused = false } = {}) {
    this.#toLose = count;
    this.#onlyReused = onlyReused;
  }

  /** So that the next request comes on a fresh connection. */
  cutConnections() {
    for (const socket of this.#sockets) socket.destroy();
    this.posts = [];
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
      const loses = method === 'POST' && this.#toLose > 0 && (reused || !this.#onlyReused);
      if (method === 'POST') this.posts.push({ bytes, path, reused, lost: loses });
      if (loses) this.#toLose -= 1;
      // One connection a request: its end is not the end of the browser's.
      upstream?.destroy();
      upstream = net.connect({ port: this.#upstreamPort, host: '127.0.0.1', noDelay: true });
      this.#track(upstream);
      upstream.write(bytes);
      upstream.on('data', (chunk) => {
        // The first bytes of the answer: the action has ended.
        if (loses) client.destroy();
        else client.write(chunk);
      });
      const current = upstream;
      current.on('close', () => current.bytesRead === 0 && current === upstream && client.destroy());
    });
  }

  async stop() {
    this.cutConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
