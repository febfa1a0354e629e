// An app that makes a client for every request and never closes one keeps all their connections. One warning says so.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startRedis } from '../support/redis.mjs';
import { runScript } from '../support/script.mjs';
import '../support/unhandled.mjs';

describe('clients of one server that are not closed', () => {
  let redis;
  before(async () => {
    redis = await startRedis({ listen: 'tcp', config: ['requirepass hunter2'] });
  });
  after(() => redis.stop());

  const run = (t, text) => {
    const preface = `
      const { createClient } = load();
      const warnings = [];
      process.on('warning', (warning) => warnings.push(warning.name + ': ' + warning.message));
      const { url } = options;
    `;
    const end = `
      await pause(10);
      say(JSON.stringify(warnings));
    `;
    return runScript(t, preface + text + end, { options: { url: redis.urlFor({ password: 'hunter2' }) } });
  };
  const warningsOf = async (t, text) => JSON.parse((await run(t, text)).said[0]);

  it('at the tenth a warning says so, without the password, and not again', async (t) => {
    const warnings = await warningsOf(
      t,
      `
      for (let n = 1; n <= 30; n++) {
        await createClient({ url }).withIdempotency('k' + n, () => n, { scope: 's' });
        if (n === 9) await pause(10).then(() => warnings.length > 0 && warnings.push('too early'));
      }
      setTimeout(() => process.exit(), 100);
    `,
    );
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0], /^ActonceWarning: 10 clients .*127\.0\.0\.1.*connection.*close\(\)/);
    assert.doesNotMatch(warnings[0], /hunter2/);
  });

  it('no warning about clients that are closed, of other prefixes, or of the embedded store', async (t) => {
    const warnings = await warningsOf(
      t,
      `
      for (let n = 1; n <= 30; n++) {
        const client = createClient({ url });
        await client.withIdempotency('k' + n, () => n, { scope: 's' });
        await client.close();
        await client.close();
        createClient({ url: 'memory:' });
        createClient({ url, prefix: 'tenant-' + n });
      }
      setTimeout(() => process.exit(), 100);
    `,
    );
    assert.deepEqual(warnings, []);
  });
});
