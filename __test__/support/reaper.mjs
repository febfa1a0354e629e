// Ends what a test started when the test's process is gone, in whatever way it went (SIGKILL by a timeout, too).
// A small shell keeps the list of pids; the end of its standard input is the end of us.
import { spawn } from 'node:child_process';

const SCRIPT = `
pids=' '
while read -r what pid; do
  case $what in
    add) pids="$pids$pid " ;;
    remove) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
`;

let shell;

function tell(line) {
  if (!shell) {
    // Detached: a Ctrl-C in the terminal goes to our process group, and the shell must outlive us.
    shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    shell.unref();
    shell.stdin.unref();
    // The shell ends with us; that its pipe is closed then is no news.
    shell.stdin.on('error', () => {});
  }
  shell.stdin.write(`${line}\n`);
}

/** From now on this process (by pid; a negative one names its group) dies with us. */
export function dieWithUs(pid) {
  tell(`add ${pid}`);
}

/** It has ended: its pid may soon be somebody else's. */
export function hasEnded(pid) {
  tell(`remove ${pid}`);
}
