// Counts what a server was asked to do, seen from the server: by MONITOR, command for command, and by INFO commandstats.
import { randomUUID } from 'node:crypto';
import { eventually } from './eventually.mjs';

/** `1700000000.123456 [0 127.0.0.1:4711] "SET" "key" "va\"lue"` */
function parseLine(line) {
  const match = /^(\d+\.\d+) \[(\d+) ([^\]]+)\] (.*)$/.exec(line);
  if (!match) return undefined;
  const [, seconds, db, from, rest] = match;
  const args = [...rest.matchAll(/"((?:\\.|[^"\\])*)"/g)].map(([, quoted]) => quoted.replace(/\\(["\\])/g, '$1'));
  return { atMs: Number(seconds) * 1_000, db: Number(db), from, name: args[0].toUpperCase(), args };
}

class Monitor {
  #client;
  #server;
  #commands = [];

  constructor(client, server) {
    this.#client = client;
    this.#server = server;
    client.onMessage = (line) => {
      const command = parseLine(line);
      if (command) this.#commands.push(command);
    };
  }

  /** Every command so far, also those that a script issued (`from` is 'lua' there). Waits until the last one is in. */
  async commands() {
    const marker = randomUUID();
    await this.#server.send('ECHO', marker);
    const isMarker = ({ name, args }) => name === 'ECHO' && args[1] === marker;
    await eventually(() => this.#commands.some(isMarker), { what: "MONITOR's report" });
    this.#commands = this.#commands.filter((command) => !isMarker(command));
    return [...this.#commands];
  }

  /** How many commands of each name came over the wire: round trips, as a client pays for them. */
  async wire() {
    const counts = {};
    for (const { name, from } of await this.commands()) {
      if (from !== 'lua') counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  /** Forgets what was seen so far, so that a test counts from here. */
  async clear() {
    await this.commands();
    this.#commands = [];
  }

  stop() {
    this.#client.close();
  }
}

/** @param server of startRedis. MONITOR slows the server down: count with it, don't measure with it. */
export async function startMonitor(server) {
  const client = await server.connect();
  const monitor = new Monitor(client, server);
  await client.send('MONITOR');
  return monitor;
}

async function commandStats(server) {
  const text = await server.send('INFO', 'commandstats');
  const lines = [...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return new Map(lines.map(([, name, calls]) => [name.toUpperCase(), Number(calls)]));
}

/**
 * What the server executed while `work` ran, by name: `{ EVALSHA: 1, GET: 2 }`. Includes what scripts call inside, and
 * what other clients do; subcommands read as `SCRIPT|LOAD`. The question itself (INFO) is not counted.
 */
export async function countExecuted(server, work) {
  const before = await commandStats(server);
  await work();
  const after = await commandStats(server);
  const counts = {};
  for (const [name, calls] of after) {
    const grown = calls - (before.get(name) ?? 0) - (name === 'INFO' ? 1 : 0);
    if (grown > 0) counts[name] = grown;
  }
  return counts;
}
