// Makes sure that what `npm start` and `npm test` need is there: Node's version, cargo, node_modules, and on request
// programs of the system. This script imports only Node's own modules, because it runs before `npm ci`.
import fs from 'node:fs';
import path from 'node:path';
import { isMain, main, root, run } from './step.mjs';

/** What a program is called on the PATH, which variables may name it, and how to get it. */
const PROGRAMS = {
  'redis-server': {
    names: ['redis-server', 'valkey-server'],
    variables: ['REDIS_BIN', 'VALKEY_BIN'],
    apt: 'redis-server',
    byHand: 'Debian/Ubuntu: apt-get install redis-server; macOS: brew install redis',
  },
  'redis-benchmark': {
    names: ['redis-benchmark', 'valkey-benchmark'],
    variables: [],
    apt: 'redis-tools',
    byHand: 'Debian/Ubuntu: apt-get install redis-tools; macOS: brew install redis',
  },
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    variables: ['CHROMIUM_BIN'],
    apt: 'chromium',
    byHand: 'Debian: apt-get install chromium; elsewhere install Chrome and set CHROMIUM_BIN to its program',
  },
  openssl: {
    names: ['openssl'],
    variables: [],
    apt: 'openssl',
    byHand: 'Debian/Ubuntu: apt-get install openssl; macOS: brew install openssl',
  },
  valgrind: {
    names: ['valgrind'],
    variables: [],
    apt: 'valgrind',
    byHand: 'Debian/Ubuntu: apt-get install valgrind; there is none for macOS on arm64',
  },
};

function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function onPath(name) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find(isProgram);
}

/** The file of a program, by its variable first, then by the PATH; undefined when it is not there. */
export function findProgram(program) {
  const { names, variables } = PROGRAMS[program];
  for (const variable of variables) {
    const named = process.env[variable];
    if (!named) continue;
    if (isProgram(named)) return named;
    throw new Error(`${variable} is set to ${named}, which is not a program that can be run`);
  }
  return names.map(onPath).find(Boolean);
}

async function installPrograms(missing) {
  const advice = missing.map((program) => `  ${program}: ${PROGRAMS[program].byHand}`).join('\n');
  const canInstall = process.getuid?.() === 0 && onPath('apt-get');
  if (!canInstall) throw new Error(`please install what is missing, then run the same command again:\n${advice}`);
  // RUNLEVEL=1 keeps Debian's package scripts from starting a redis service of their own: the tests start theirs.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const packages = missing.map((program) => PROGRAMS[program].apt);
  try {
    await run('apt-get', ['update', '-qq'], { env });
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
  } catch (error) {
    throw new Error(`apt-get could not install it (${error.message}). By hand:\n${advice}`, { cause: error });
  }
  const still = missing.filter((program) => !findProgram(program));
  if (still.length > 0) throw new Error(`apt-get installed no ${still.join(', ')}. By hand:\n${advice}`);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 9)) return;
  throw new Error(`Node ${process.versions.node} is too old: actonce needs 20.9 or newer`);
}

function checkCargo() {
  if (onPath('cargo')) return;
  throw new Error('cargo is not on the PATH. The addon is written in Rust (1.88 or newer): see https://rustup.rs');
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether node_modules holds what the lock file says, by npm's own note of what it installed. */
function modulesAreCurrent(folder) {
  const wanted = readJson(path.join(folder, 'package-lock.json'))?.packages ?? {};
  const installed = readJson(path.join(folder, 'node_modules/.package-lock.json'))?.packages;
  if (!installed) return false;
  return Object.entries(wanted).every(([place, { version, optional, link }]) => {
    // An optional package of another platform is rightly absent; a link has no version.
    return place === '' || optional || link || installed[place]?.version === version;
  });
}

/** `npm ci` in a folder with a lock file, unless its node_modules already matches. */
export async function prepareModules(folder = root) {
  if (modulesAreCurrent(folder)) return;
  // --include=dev: NODE_ENV=production in the environment must not leave the build tools out.
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: folder });
}

/** @param programs of PROGRAMS, those that this command needs from the system */
export async function prepare(programs = []) {
  checkNode();
  checkCargo();
  await prepareModules();
  const missing = programs.filter((program) => !findProgram(program));
  if (missing.length > 0) await installPrograms(missing);
}

/** Programs that the tests can do without, and then say so. They are installed where that can be done. */
export async function prepareIfPossible(programs) {
  const missing = programs.filter((program) => !findProgram(program));
  if (missing.length === 0) return;
  try {
    await installPrograms(missing);
  } catch (error) {
    console.log(`It goes on without ${missing.join(', ')}: ${error.message}`);
  }
}

if (isMain(import.meta.url)) await main(() => prepare(process.argv.slice(2)));
