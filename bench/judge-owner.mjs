// A second process that owns a key: it can be frozen, thawed, kept busy and killed. Its fn returns 'A' or throws when it is told to.
import { LIBRARIES } from './judged-libraries.mjs';

const [library, url, key] = process.argv.slice(2);
process.once('disconnect', () => process.exit());
const { once } = await LIBRARIES[library].open(url);

function spin(ms) {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const fn = async () => {
  process.send('in');
  const said = await new Promise((resolve) => process.once('message', resolve));
  if (said === 'throw') throw new Error('declined');
  if (typeof said === 'number') spin(said);
  return 'A';
};
const end = () => process.send('ended');
await once(key, fn).then(end, end);
