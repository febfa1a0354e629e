// `npm start`: from a fresh clone to the open shop.
import { spawn } from 'node:child_process';
import process from 'node:process';
import { startShop } from '../examples/shop/run.mjs';
import { buildNative } from './build-native.mjs';
import { prepare } from './prepare.mjs';
import { prepareShop } from './shop.mjs';
import { main, run, section } from './step.mjs';

await main(async () => {
  await section('prepare', () => prepare());
  await section('build: native', buildNative);
  await section('build: TypeScript', () => run(process.execPath, ['scripts/build-ts.mjs']));
  await section('build: shop', prepareShop);
  await serve();
});

/** Until Ctrl-C, or until one of the shop's processes ends. */
async function serve() {
  const stopping = new AbortController();
  const stopped = new Promise((resolve) => stopping.signal.addEventListener('abort', resolve));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopping.abort());
  try {
    const shop = await startShop({
      port: Number(process.env.PORT ?? 3000),
      signal: stopping.signal,
      print: (text) => process.stdout.write(text),
    });
    console.log(`\nThe shop is open at ${shop.url} (its ledgers are in ${shop.folder}; Ctrl-C closes it)\n`);
    openBrowser(shop.url);
    await Promise.race([shop.ended, stopped]);
    await shop.stop();
    if (!stopping.signal.aborted) throw new Error('a process of the shop ended by itself: see above');
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  }
}

/** Only for a person at a terminal with a screen: on a server the printed link has to do. */
function openBrowser(url) {
  const hasScreen = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!process.stdout.isTTY || !hasScreen) return;
  const [command, ...args] = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] }[process.platform] ?? ['xdg-open'];
  const opener = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  opener.on('error', () => {}); // no program for it: the link is on the screen
  opener.unref();
}
