// `npm run costs`: counts what calls cost and says what is not as committed; `-- --update` commits it to costs.json.
import { parseArgs } from 'node:util';
import { prepare } from '../../scripts/prepare.mjs';
import { main } from '../../scripts/step.mjs';
import { circumstances, commit, committed, differences, GROUPS, withServer } from './costs.mjs';

const { values: given } = parseArgs({ options: { update: { type: 'boolean' } } });

await main(async () => {
  await prepare(['redis-server', 'valgrind']);
  const groups = {};
  for (const [name, { count }] of Object.entries(GROUPS)) groups[name] = await withServer(count);
  if (given.update) commit(await withServer(circumstances), groups);
  else {
    const before = committed();
    console.log(JSON.stringify(groups, null, 2));
    for (const [name, measured] of Object.entries(groups)) {
      for (const line of differences(before[name], measured)) console.log(line);
    }
  }
});
