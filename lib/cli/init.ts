/** `actonce init`: writes the configuration, an action, a form and a page into an app, and says what it did. */
import fs from 'node:fs';
import path from 'node:path';
import { type App, recognise } from './app';
import { BY_HAND, NEW_CONFIG, wrapped } from './config';
import { type File, filesFor } from './templates';

export interface Conversation {
  readonly say: (line: string) => void;
  /** Whether the user agrees. */
  readonly ask: (question: string) => Promise<boolean>;
}

/** @returns whether the folder has an app that `init` can help */
export async function init(folder: string, { say, ask }: Conversation): Promise<boolean> {
  const app = recognise(folder);
  if (typeof app === 'string') {
    say(app);
    return false;
  }
  configure(app, say);
  for (const file of filesFor(app)) await write(app, file, { say, ask });
  say('');
  say('Next:');
  const install = app.installCommand === undefined ? [] : [app.installCommand];
  for (const step of [...install, 'npm run dev, and open /order']) say(`  ${step}`);
  say('  In production set REDIS_URL. Put the user who is signed in into `scope` before you go there.');
  return true;
}

function configure({ folder, config, isTypeScript }: App, say: Conversation['say']): void {
  const name = config ?? (isTypeScript ? 'next.config.ts' : 'next.config.mjs');
  const file = path.join(folder, name);
  const before = config === undefined ? undefined : fs.readFileSync(file, 'utf8');
  const after = before === undefined ? NEW_CONFIG : wrapped(before);
  if (after === undefined) {
    say(`left     ${name}: it has a shape that init does not know. Write into it by hand:`);
    for (const line of BY_HAND.split('\n')) say(`           ${line}`);
  } else if (after === before) {
    say(`left     ${name}: it calls withActonce already`);
  } else {
    fs.writeFileSync(file, after);
    say(
      `${before === undefined ? 'created ' : 'changed '} ${name}: withActonce keeps the native addon out of the bundle`,
    );
  }
}

async function write({ folder }: App, { path: name, text }: File, { say, ask }: Conversation): Promise<void> {
  const file = path.join(folder, name);
  const before = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
  if (before === text) {
    say(`left     ${name}: it is the same already`);
    return;
  }
  if (before !== undefined && !(await ask(`${name} is there already. Overwrite it?`))) {
    say(`left     ${name}`);
    return;
  }
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  say(`${before === undefined ? 'created ' : 'replaced'} ${name}`);
}
