// A second process that owns a key: it can be frozen, thawed and killed. Its fn returns 'A' when it is told to go on.
import { LIBRARIES } from './libraries.mjs';

const [library, url, key] = process.argv.slice(2);
process.once('disconnect', () => process.exit());
const { once } = await LIBRARIES[library].open(url);
const fn = async () => {
  process.send('in');
  await new Promise((resolve) => process.once('message', resolve));
  return 'A';
};
await once(key, fn).then(
  () => process.send('ended'),
  () => process.send('ended'),
);
