// `npm run why [-- --seconds 30]`: what browsers and Next do with a Server Action whose answer is lost, measured in
// Chromium, without any guard and with actonce. Installs and builds what it needs; docs/why.md quotes the result.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { launchBrowser } from '../../__test__/support/browser.mjs';
import { LossyHttp } from '../../__test__/support/lossy-http.mjs';
import { NextApp } from '../../__test__/support/next-app.mjs';
import { serverProgram, startRedis } from '../../__test__/support/redis.mjs';
import { addonFile } from '../../scripts/platform.mjs';
import { prepare } from '../../scripts/prepare.mjs';
import { main, root, run } from '../../scripts/step.mjs';
import { commit, load, machine } from '../provenance.mjs';
import { keep, table } from '../results.mjs';
import { lostAnswers, offline } from './lost-answers.mjs';
import { recipes } from './recipes.mjs';

const { values: given } = parseArgs({ options: { seconds: { type: 'string', default: '30' } } });
const seconds = Number(given.seconds);

async function environment(browser, loadBefore) {
  const { dependencies } = JSON.parse(
    fs.readFileSync(path.join(root, '__test__/fixtures/next-app/package.json'), 'utf8'),
  );
  const redis = /v=(\S+)/.exec(execFileSync(serverProgram(), ['--version'], { encoding: 'utf8' }))?.[1];
  return [
    `${machine()}; ${new Date().toISOString().slice(0, 16)}Z`,
    load(loadBefore),
    `Chromium ${browser.version()}, Next.js ${dependencies.next}, React ${dependencies.react}`,
    `Node ${process.versions.node}, Redis ${redis}`,
    commit('src', 'lib', 'bench/why', '__test__/fixtures', '__test__/support'),
    `Command: \`npm run why${given.seconds === '30' ? '' : ` -- --seconds ${seconds}`}\``,
  ].map((line) => `- ${line}`);
}

await main(async () => {
  await prepare(['redis-server', 'chromium']);
  const built = ['dist/index.cjs', addonFile()].every((file) => fs.existsSync(path.join(root, file)));
  if (!built) await run('npm', ['run', 'build']);
  const loadBefore = os.loadavg();
  const redis = await startRedis();
  const app = await NextApp.prepare('next-app', { REDIS_URL: redis.url });
  const networks = [];
  const behindNetwork = async (form) => {
    await app.build(form);
    const network = await LossyHttp.start((await app.start(form)).port);
    networks.push(network);
    return network;
  };
  const browser = await launchBrowser();
  try {
    const plain = { app, browser, network: await behindNetwork('plain') };
    const sections = [await lostAnswers(plain), await recipes(plain)];
    sections.push(await offline({ app, browser, network: await behindNetwork('offline') }, seconds));
    const text = ['# why', '', ...(await environment(browser, loadBefore))];
    for (const { title, columns, rows } of sections) text.push('', `## ${title}`, '', ...table(columns, rows, '---'));
    keep({ topic: 'why', text: `${text.join('\n')}\n` });
  } finally {
    await browser.close();
    for (const network of networks) await network.stop();
    await app.stop();
    await redis.stop();
  }
});
