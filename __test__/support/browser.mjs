// Chromium, as the tests drive it: one process, a fresh profile for each visitor.
import { chromium } from 'playwright-core';
import { findProgram } from '../../scripts/prepare.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launchBrowser(executablePath = findProgram('chromium')) {
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Resolves when React has taken over what the server rendered, and its effects have run. */
export async function hydrated(page, selector = 'form, button') {
  await page.waitForFunction((which) => {
    const element = document.querySelector(which);
    return element !== null && Object.keys(element).some((name) => name.startsWith('__reactProps'));
  }, selector);
  await page.waitForTimeout(50);
}
