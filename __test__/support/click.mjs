// One click on a form's button behind a network that loses answers, counted in three places that need not agree: what
// the page and DevTools see, what the browser puts on the wire, and what the server executes.
import { hydrated } from './browser.mjs';

/** What the page shows when it has been told how the order went. */
async function shown(page, withinMs) {
  const ended = () => {
    const failed = document.querySelector('#failed')?.textContent;
    if (failed !== undefined) return `error: ${failed}`;
    const state = document.querySelector('output')?.textContent;
    return state?.includes('item') && 'result';
  };
  try {
    return await (await page.waitForFunction(ended, undefined, { timeout: withinMs })).jsonValue();
  } catch (error) {
    if (error.name !== 'TimeoutError') throw error;
    return 'pending';
  }
}

/**
 * A new visitor opens the page and clicks once.
 * @param network a LossyHttp in front of `app` @param lose what it does then: the arguments of its `lose`
 * @param path of a page with one form @param withinMs how long the click may take; then it counts as pending
 * @returns how many requests DevTools saw, POSTs were sent, and runs of the action begun; and what the page shows
 */
export async function clickOnce({ browser, network, app }, { path, lose = [0], withinMs = 15_000 }) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(network.url + path);
    await hydrated(page);
    let seen = 0;
    const devTools = await context.newCDPSession(page);
    devTools.on('Network.requestWillBeSent', ({ request }) => {
      if (request.method === 'POST') seen += 1;
    });
    await devTools.send('Network.enable');
    app.forget();
    network.posts = [];
    network.lose(...lose);
    await page.click('button[type=submit]', { noWaitAfter: true });
    const ui = await shown(page, withinMs);
    const executed = app.ledger().filter(({ ran }) => ran).length;
    return { seen, sent: network.posts.length, executed, ui };
  } finally {
    network.lose(0);
    await context.close();
  }
}
