// Keys that are made while a page is rendered, and whose order the second user then gets.
import { fieldsOf } from '../../__test__/support/next-app.mjs';

const RECIPES = {
  '`useId()`': { page: '/recipes', id: 'useId' },
  '`useState(() => crypto.randomUUID())`, static page': { page: '/recipes', id: 'useState' },
  'a hidden input of a static page': { page: '/recipes', id: 'static' },
  'a hidden input of a page rendered on request': { page: '/plain', id: 'by-key' },
};

/** As a browser that has not hydrated yet, or has no JavaScript, sends it. */
async function order(url, { page, id }, user) {
  const html = await (await fetch(url + page)).text();
  const form = fieldsOf(html, id);
  const headers = { origin: url, cookie: `user=${user}` };
  const answer = await fetch(url + page, { method: 'POST', body: form, headers, redirect: 'manual' });
  await answer.arrayBuffer();
  const of = new URL(answer.headers.get('location'), url).searchParams.get('of');
  return { key: form.get('idempotency-key'), of };
}

export async function recipes({ network }) {
  const rows = [];
  for (const [name, recipe] of Object.entries(RECIPES)) {
    const ann = await order(network.url, recipe, 'ann');
    const bob = await order(network.url, recipe, 'bob');
    rows.push([name, ann.key === bob.key ? `the same: \`${ann.key}\`` : 'two', `the order of ${bob.of}`]);
  }
  const title = 'Keys from the render: Ann orders, then Bob does, each on a page load of their own';
  return { title, columns: ['key', 'keys of two page loads', 'Bob is shown'], rows };
}
