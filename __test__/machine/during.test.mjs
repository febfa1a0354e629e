// `during` after a crash, a webhook and a deployment: fn runs again only if nobody else has moved the instance on.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createTestClient } from '../../dist/testing.cjs';
import { createClient, defineStateMachine } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { startRedis } from '../support/redis.mjs';
import { runScript } from '../support/script.mjs';
import { it } from '../support/steady.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const HOUR_MS = 3_600_000;
const refusal = (promise) =>
  promise.then(
    (value) => assert.fail(`it was not refused, but gave ${JSON.stringify(value)}`),
    (error) => error,
  );
const path = async (machine, id) => (await machine.history(id)).map(({ state }) => state);
const signal = (digest) => Object.assign(new Error('a signal'), { digest });

/** A payment whose fn can take a step of its own, and that can be paid again. */
const captured = {
  id: 'captured',
  initial: 'requested',
  states: {
    requested: { on: { PROCESS: 'processing' } },
    processing: { on: { AUTHORIZE: 'authorized', COMPLETE: 'completed', FAIL: 'failed' } },
    authorized: { on: { COMPLETE: 'completed', FAIL: 'failed' } },
    completed: { on: { REOPEN: 'requested' } },
    failed: { on: { RETRY: 'processing' } },
  },
};

const DURING = { event: 'PROCESS', onDone: 'COMPLETE', onError: 'FAIL', create: true, idempotencyKey: 'k' };
const hangs = () => new Promise(() => {});

/** A test client and a machine, and what kills the process that runs `during` under the key k. */
function world(t, config = paymentConfig, options = {}) {
  const client = createTestClient();
  let charges = 0;
  const charged = () => {
    charges += 1;
    return 'charged';
  };
  t.after(async () => {
    await client.close();
    assert.equal(charges, 0, 'nobody is charged again');
  });
  const machine = defineStateMachine(config, { client, ...options });
  const crash = () => client.crashOwner({ key: 'k', scope: ['actonce.during', machine.id, 'o-1'] });
  /** The process dies inside of `fn`, and its lease ends. */
  async function dies(fn = hangs, state = 'processing') {
    const first = refusal(machine.during('o-1', DURING, fn));
    while ((await machine.get('o-1'))?.state !== state) await pause(1);
    crash();
    assert.equal((await first).code, 'ERR_LEASE_LOST');
    await client.advance(30_000);
  }
  return { client, machine, dies, charged };
}

describe('S76 the process that charged dies, and', () => {
  for (const historyLimit of [50, 1]) {
    it(`a webhook completes the payment: the same key charges nobody (history of ${historyLimit})`, async (t) => {
      const { machine, dies, charged } = world(t, paymentConfig, { historyLimit });
      await dies();
      await machine.send('o-1', 'COMPLETE');
      const repeat = await refusal(machine.during('o-1', DURING, charged));
      assert.deepEqual([repeat.code, repeat.from, repeat.version], ['ERR_INVALID_TRANSITION', 'completed', 3]);
      const again = await refusal(machine.during('o-1', DURING, charged));
      assert.equal(again.code, 'ERR_INVALID_TRANSITION');
    });

    it(`a clerk fails it and starts anew: the same key charges nobody (history of ${historyLimit})`, async (t) => {
      const { machine, dies, charged } = world(t, paymentConfig, { historyLimit });
      await dies();
      await machine.send('o-1', 'FAIL');
      await machine.send('o-1', 'RETRY');
      const repeat = await refusal(machine.during('o-1', DURING, charged));
      assert.deepEqual([repeat.code, repeat.from, repeat.version], ['ERR_INVALID_TRANSITION', 'processing', 4]);
    });
  }

  it('nobody has moved the payment since: the same key runs fn again, and finishes it', async (t) => {
    const { machine, dies } = world(t);
    await dies();
    assert.equal(await machine.during('o-1', DURING, (_, ctx) => ctx.recovered), true);
    assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing', 'completed']);
  });

  it('only its own fn has moved the payment: the same key runs fn again, and its steps are replayed', async (t) => {
    const { machine, dies } = world(t, captured);
    const replayed = [];
    const authorizes = async (_, ctx) => {
      replayed.push((await ctx.transition(machine, 'o-1', 'AUTHORIZE')).replayed);
      if (replayed.length === 1) await hangs();
      return 'charged';
    };
    await dies(authorizes, 'authorized');
    assert.equal(await machine.during('o-1', DURING, authorizes), 'charged');
    assert.deepEqual(replayed, [false, true]);
    assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing', 'authorized', 'completed']);
  });

  it('somebody has moved the payment after a step of its own fn: the same key charges nobody', async (t) => {
    const { machine, dies, charged } = world(t, captured);
    const authorizes = async (_, ctx) => {
      await ctx.transition(machine, 'o-1', 'AUTHORIZE');
      await hangs();
    };
    await dies(authorizes, 'authorized');
    await machine.send('o-1', 'FAIL');
    const repeat = await refusal(machine.during('o-1', DURING, charged));
    assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'failed']);
  });
});

describe('S76 the process dies after it moved the payment on, before its outcome was recorded:', () => {
  const LEASE_MS = 150;
  /** It is killed when the outcome of `fn` is read to be recorded. */
  const owner = (ends, onDone) => `
    const { createClient, defineStateMachine } = load();
    const machine = defineStateMachine(options.config, { client: createClient(options.client) });
    const deadly = (of) => Object.defineProperty(of, 'id', { enumerable: true, get: () => process.kill(process.pid, 'SIGKILL') });
    await machine.during('o-1', { ...options.during, onDone: ${onDone} }, () => { ${ends} });
  `;

  /** The payment that its process has left, and the same key again. */
  async function afterDeath({ t, client, options }, ends, onDone) {
    const during = DURING;
    const its = { ...options, defaults: { leaseMs: LEASE_MS } };
    const script = runScript(t, owner(ends, onDone), { options: { client: its, config: captured, during } });
    assert.equal((await script).signal, 'SIGKILL', (await script).errors);
    await pause(2 * LEASE_MS);
    const machine = defineStateMachine(captured, { client: client({ cache: false }) });
    let charges = 0;
    const charge = () => {
      charges += 1;
      return 'charged';
    };
    return { machine, repeat: () => refusal(machine.during('o-1', during, charge)), charges: () => charges };
  }

  for (const onDone of [`'COMPLETE'`, `() => ({ event: 'COMPLETE', data: 'paid' })`]) {
    const title = `the same key completes without a value, and charges nobody (onDone: ${onDone})`;
    onEachSharedStore(title, async (w) => {
      const { machine, repeat, charges } = await afterDeath(w, 'return deadly({})', onDone);
      assert.equal((await machine.get('o-1')).state, 'completed');
      for (let time = 0; time < 2; time += 1) {
        const { code, reason } = await repeat();
        assert.deepEqual([code, reason], ['ERR_RESULT_UNAVAILABLE', 'lost']);
      }
      await machine.send('o-1', 'REOPEN');
      assert.equal((await repeat()).code, 'ERR_RESULT_UNAVAILABLE');
      assert.deepEqual([charges(), (await machine.get('o-1')).version], [0, 4]);
    });
  }

  onEachSharedStore(
    'the same key completes without a value although somebody has reopened the payment since',
    async (w) => {
      const { machine, repeat, charges } = await afterDeath(w, 'return deadly({})', `'COMPLETE'`);
      await machine.send('o-1', 'REOPEN');
      assert.equal((await repeat()).code, 'ERR_RESULT_UNAVAILABLE');
      assert.deepEqual([charges(), (await machine.get('o-1')).version], [0, 4]);
    },
  );

  onEachSharedStore(
    'the same key is refused where fn had failed, also after another key has started anew',
    async (w) => {
      const { machine, repeat, charges } = await afterDeath(
        w,
        `throw deadly(new RangeError('declined'))`,
        `'COMPLETE'`,
      );
      const { code, from, allowed } = await repeat();
      assert.deepEqual([code, from, allowed], ['ERR_INVALID_TRANSITION', 'failed', ['RETRY']]);
      await machine.send('o-1', 'RETRY');
      assert.equal((await repeat()).code, 'ERR_INVALID_TRANSITION');
      assert.equal(charges(), 0);
    },
  );
});

describe('S75 25 hours later', () => {
  it('the same key charges nobody: the payment is completed', async (t) => {
    const { client, machine, charged } = world(t);
    assert.equal(await machine.during('o-1', DURING, () => 'charged'), 'charged');
    await client.advance(25 * HOUR_MS);
    for (let time = 0; time < 3; time += 1) {
      const repeat = await refusal(machine.during('o-1', DURING, charged));
      assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'completed']);
    }
  });

  it('the same key charges nobody while the payment is still where a dead process left it', async (t) => {
    const { client, machine, dies, charged } = world(t, captured);
    await dies();
    await client.advance(25 * HOUR_MS);
    for (let time = 0; time < 3; time += 1) {
      const repeat = await refusal(machine.during('o-1', DURING, charged));
      assert.deepEqual([repeat.code, repeat.from], ['ERR_INVALID_TRANSITION', 'processing']);
    }
  });
});

onEachStore('redirect() inside of during is an outcome: the payment is completed, and so it is replayed', async (w) => {
  const machine = defineStateMachine(paymentConfig, { client: w.client() });
  let runs = 0;
  const pays = () =>
    machine.during('o-1', DURING, () => {
      runs += 1;
      throw signal('NEXT_REDIRECT;push;/orders/1;307;');
    });
  assert.equal((await refusal(pays())).digest, 'NEXT_REDIRECT;push;/orders/1;307;');
  assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing', 'completed']);
  assert.match((await refusal(pays())).digest, /^NEXT_REDIRECT;push;\/orders\/1;/);
  assert.equal(runs, 1);
});

onEachStore('a redirect has no value: an onDone that is a function is called without one', async (w) => {
  const machine = defineStateMachine(paymentConfig, { client: w.client() });
  const onDone = (...given) => ({ event: 'COMPLETE', data: given });
  const pays = machine.during('o-1', { ...DURING, onDone }, () => {
    throw signal('NEXT_REDIRECT;push;/orders/1;307;');
  });
  assert.match((await refusal(pays)).digest, /^NEXT_REDIRECT/);
  const { state, data } = await machine.get('o-1');
  assert.deepEqual([state, data], ['completed', [undefined]]);
});

for (const digest of ['NEXT_NOT_FOUND', 'NEXT_HTTP_ERROR_FALLBACK;403', 'NEXT_HTTP_ERROR_FALLBACK;401']) {
  onEachStore(
    `${digest} inside of during turns the caller away: the payment failed, and so it is replayed`,
    async (w) => {
      const machine = defineStateMachine(paymentConfig, { client: w.client() });
      let runs = 0;
      const pays = () =>
        machine.during('o-1', DURING, () => {
          runs += 1;
          throw signal(digest);
        });
      assert.equal((await refusal(pays())).digest, digest);
      assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing', 'failed']);
      assert.match((await refusal(pays())).digest, /^NEXT_(NOT_FOUND|HTTP_ERROR_FALLBACK)/);
      assert.equal(runs, 1);
    },
  );
}

onEachStore(
  'a signal that is Next’s own says nothing about the payment: it stays, and the next call goes on',
  async (w) => {
    const machine = defineStateMachine(paymentConfig, { client: w.client() });
    const thrown = signal('DYNAMIC_SERVER_USAGE');
    const bailsOut = machine.during('o-1', DURING, () => {
      throw thrown;
    });
    assert.equal(await refusal(bailsOut), thrown);
    assert.equal((await machine.get('o-1')).state, 'processing');
    assert.equal(await machine.during('o-1', DURING, () => 'charged'), 'charged');
    assert.deepEqual(await path(machine, 'o-1'), ['requested', 'processing', 'completed']);
  },
);

onEachStore(
  'what goes with the first step is the data that fn sees, and stays where the last step has none',
  async (w) => {
    const machine = defineStateMachine(paymentConfig, { client: w.client() });
    let seen;
    await machine.during('o-1', { ...DURING, data: { cents: 1250 } }, ({ data }) => {
      seen = data;
    });
    assert.deepEqual(seen, { cents: 1250 });
    assert.deepEqual((await machine.get('o-1')).data, { cents: 1250 });
  },
);

describe('fn has ended, and the instance cannot be moved on:', { timeout: 60_000 }, () => {
  for (const executor of EXECUTORS) {
    it(`the store is full, so the key is held, and nobody charges again (redis×${executor})`, async (t) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const c = new Contenders(t, redis, { executor });
      const proxy = await c.proxy();
      const isCompletion = (args) => args.includes('COMPLETE');
      proxy.fault('refuse', { on: isCompletion, times: 1_000, text: 'OOM command not allowed' });
      const machine = defineStateMachine(paymentConfig, { client: c.client({ url: proxy.url }) });
      let charges = 0;
      const pays = () =>
        machine.during('o-1', DURING, () => {
          charges += 1;
        });
      assert.equal((await refusal(pays())).code, 'ERR_STORE_FULL');
      for (let time = 0; time < 2; time += 1) assert.equal((await refusal(pays())).code, 'ERR_INDETERMINATE');
      assert.equal(charges, 1);
    });
  }
});

onEachStore('a webhook was faster than fn: its value is the outcome, for repeats as well', async (w) => {
  const machine = defineStateMachine(paymentConfig, { client: w.client() });
  for (const [id, end] of [
    ['value', () => ({ id: 'ch_1' })],
    ['redirect', () => Promise.reject(signal('NEXT_REDIRECT;push;/orders/1;307;'))],
  ]) {
    let charges = 0;
    const pays = () =>
      machine.during(id, DURING, async () => {
        charges += 1;
        await machine.send(id, 'COMPLETE');
        return end();
      });
    const ends = [await pays().catch(({ digest }) => digest), await pays().catch(({ digest }) => digest)];
    assert.deepEqual(ends[0], id === 'value' ? { id: 'ch_1' } : 'NEXT_REDIRECT;push;/orders/1;307;');
    assert.deepEqual(ends[1], ends[0]);
    assert.equal(charges, 1);
    assert.equal((await machine.get(id)).state, 'completed');
  }
});

onEachStore('somebody moved the instance elsewhere while fn ran: the key keeps the refusal', async (w) => {
  const machine = defineStateMachine(paymentConfig, { client: w.client() });
  let charges = 0;
  const pays = () =>
    machine.during('o-1', DURING, async () => {
      charges += 1;
      await machine.send('o-1', 'FAIL');
    });
  for (let time = 0; time < 2; time += 1) {
    const { code, from } = await refusal(pays());
    assert.deepEqual([code, from], ['ERR_INVALID_TRANSITION', 'failed']);
  }
  assert.equal(charges, 1);
});
