// Connections, each used by one at a time.
export class Pool {
  #free;
  #waiting = [];

  constructor(connections) {
    this.all = connections;
    this.#free = [...connections];
  }

  async use(work) {
    const connection = this.#free.pop() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(connection);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(connection);
      else this.#free.push(connection);
    }
  }
}
