// Temporary folders that are gone when the process is.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

const folders = new Set();

process.on('exit', () => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder. Its path is short, because a unix socket's path must stay below 104 bytes. */
export function temporaryFolder(purpose) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `actonce-${purpose}-`));
  folders.add(folder);
  return folder;
}
