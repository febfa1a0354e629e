// One click each, on a form without any guard and on one of actonce.
import { clickOnce } from '../../__test__/support/click.mjs';

const ACTION_MS = 1_500;
const ALWAYS = Number.POSITIVE_INFINITY;
const FORMS = { 'no guard': 'unguarded', actonce: 'order' };
const COLUMNS = ['fault', 'action', 'requests in DevTools', 'POSTs sent', 'runs', 'the page shows'];

async function compare(place, faults) {
  const rows = [];
  for (const [fault, { ms = ACTION_MS, ...how }] of faults) {
    for (const [guard, form] of Object.entries(FORMS)) {
      const { seen, sent, executed, ui } = await clickOnce(place, { path: `/${form}?ms=${ms}`, ...how });
      rows.push([fault, guard, seen, sent, `**${executed}**`, ui]);
      console.error(rows.at(-1).join(', '));
    }
  }
  return { columns: COLUMNS, rows };
}

export async function lostAnswers(place) {
  const table = await compare(place, [
    ['none', {}],
    ['answer lost once, FIN, reused connection', { lose: [1, { on: 'reused' }] }],
    ['answer lost once, RST, reused connection', { lose: [1, { on: 'reused', by: 'rst' }] }],
    ['every answer lost, FIN', { lose: [ALWAYS], withinMs: 20_000 }],
    ['answer lost once, FIN, fresh connection', { lose: [1, { on: 'fresh' }] }],
    ['body cut after the head', { lose: [1, { on: 'reused', by: 'cut' }] }],
  ]);
  return { title: `One click on an action of ${ACTION_MS / 1000} s`, ...table };
}

export async function offline(place, seconds) {
  const forever = { lose: [ALWAYS], withinMs: seconds * 1000 };
  const table = await compare(place, [
    ['answer lost once, fresh connection', { lose: [1, { on: 'fresh' }] }],
    [`every answer lost for ${seconds} s`, forever],
    [`every answer lost for ${seconds} s, an action that takes no time`, { ms: 0, ...forever }],
  ]);
  return { title: 'The same with `experimental.useOffline`', ...table };
}
