/** The command `actonce`. It only parses and prints. */
import process from 'node:process';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { init } from './init';

const USAGE = `actonce init [folder] [--yes]

Writes into a Next.js app with the App Router: withActonce in its configuration, and an action with its form at /order.
It asks before it overwrites a file. --yes overwrites without asking. Without a terminal nothing is overwritten.`;

async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(?:es)?$/i.test(await terminal.question(`${question} [y/N] `));
  } finally {
    terminal.close();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** @returns the exit code: 1 if the app is none, 2 if the arguments are wrong */
async function main(args: readonly string[]): Promise<number> {
  const options = { yes: { type: 'boolean' }, help: { type: 'boolean' } } as const;
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    say(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [command, folder = process.cwd(), ...rest] = positionals;
  if (values.help === true) say(USAGE);
  if (values.help === true) return 0;
  if (command !== 'init' || rest.length > 0) {
    say(USAGE);
    return 2;
  }
  const answer = values.yes === true ? () => Promise.resolve(true) : ask;
  return (await init(folder, { say, ask: answer })) ? 0 : 1;
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
