// A way to Redis on which the answers to a burst arrive together, in one piece. How many of them one read finds is chance
// otherwise, and with it what the client does at once and how often it writes and reads.
import net from 'node:net';
import { Frames } from '../../__test__/support/proxy-link.mjs';

const OF_CALLS = ['SET', 'EVALSHA'];

/**
 * @param to the `target` of startRedis
 * @param count how many commands of calls a burst has; other commands are answered at once
 */
export async function startGathering({ to, count }) {
  const server = net.createServer({ noDelay: true }, (near) => relay(near, net.connect(to), count));
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

function relay(near, far, count) {
  const [requests, replies] = [new Frames(), new Frames()];
  const asked = [];
  let gathered = [];
  near.on('data', (chunk) => {
    for (const { value } of requests.split(chunk)) asked.push(value[0]);
    far.write(chunk);
  });
  far.on('data', (chunk) => {
    for (const { bytes } of replies.split(chunk)) {
      gathered.push(bytes);
      if (OF_CALLS.includes(asked.shift()) && gathered.length < count) continue;
      near.write(Buffer.concat(gathered));
      gathered = [];
    }
  });
  for (const [one, other] of [
    [near, far],
    [far, near],
  ]) {
    one.on('error', () => {}).on('close', () => other.destroy());
  }
}
