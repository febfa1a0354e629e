// The Next app of the tests in Chromium, behind a network that loses answers: Redis, servers, network and browser.
import { launchBrowser } from './browser.mjs';
import { LossyHttp } from './lossy-http.mjs';
import { NextApp } from './next-app.mjs';
import { startRedis } from './redis.mjs';

/** @param servers how many processes the network balances over */
export async function openShakyApp({ servers }) {
  const opened = {};
  const close = async () => {
    await opened.browser?.close();
    await opened.network?.stop();
    await opened.app?.stop();
    await opened.redis?.stop();
  };
  try {
    opened.redis = await startRedis();
    opened.app = await NextApp.prepare('next-app', { REDIS_URL: opened.redis.url });
    await opened.app.build();
    const started = await Promise.all(Array.from({ length: servers }, () => opened.app.start()));
    opened.network = await LossyHttp.start(...started.map(({ port }) => port));
    opened.browser = await launchBrowser();
  } catch (error) {
    await close();
    throw error;
  }
  return { ...opened, close };
}
