// Scenario C18: whatever the order of calls and of an operator's requests, every store does what a model of a dozen lines
// says, and fences grow. The Rust tests do the same for single commands and clocks (tests/, src/model).
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';

const { onEachStore } = conformance(createClient);
const RUNS = process.env.ACTONCE_LONG === '1' ? 500 : 60;

const call = fc.record({
  do: fc.constant('call'),
  by: fc.nat(1),
  payload: fc.constantFrom(undefined, 'a', 'b'),
  ends: fc.constantFrom('return', 'release', 'record', 'hold'),
});
const request = fc.record({ do: fc.constantFrom('reset', 'resolve', 'rerun'), by: fc.nat(1) });
const sequences = fc.array(fc.oneof({ weight: 3, arbitrary: call }, request), { maxLength: 14 });

/** What is known of the key, and what each step must answer. */
class Model {
  state = 'absent';
  attempt = 0;
  recovered = false;
  payload;
  outcome;

  /** What a call is answered, or undefined when it runs. */
  refusal(payload) {
    const hasOutcome = this.state === 'completed' || this.state === 'failed';
    const differs = payload !== undefined && this.payload !== undefined && payload !== this.payload;
    if (hasOutcome) return differs ? 'ERR_KEY_REUSED' : this.outcome;
    return this.state === 'indeterminate' ? 'ERR_INDETERMINATE' : undefined;
  }

  ran({ payload, ends }, outcome) {
    this.attempt += 1;
    this.state = { return: 'completed', release: 'released', record: 'failed', hold: 'indeterminate' }[ends];
    Object.assign(this, { payload, outcome });
    // An outcome ends the doubt about earlier attempts.
    if (ends === 'return' || ends === 'record') this.recovered = false;
  }

  reset() {
    if (this.state === 'absent') return 'absent';
    this.recovered = this.state === 'indeterminate';
    this.state = 'released';
    return 'reset';
  }

  resolve(outcome) {
    if (this.state === 'absent') return 'absent';
    if (this.state === 'completed' || this.state === 'failed') return 'settled';
    Object.assign(this, { state: 'completed', recovered: false, outcome });
    return 'resolved';
  }

  rerun() {
    if (this.state === 'absent') return 'absent';
    if (this.state === 'completed' || this.state === 'failed') return 'settled';
    if (this.state === 'indeterminate') this.recovered = true;
    this.state = 'released';
    return 'resolved';
  }
}

async function take(step, number, { client, key, model, fences }) {
  const target = { key };
  if (step.do === 'reset') return assert.equal(await client.reset(target), model.reset());
  if (step.do === 'rerun') return assert.equal(await client.resolve(target, { rerun: true }), model.rerun());
  if (step.do === 'resolve') {
    const outcome = `resolved ${number}`;
    return assert.equal(await client.resolve(target, { value: outcome }), model.resolve(outcome));
  }
  const outcome = `${step.ends} ${number}`;
  const expected = model.refusal(step.payload);
  const fn = (ctx) => {
    fences.push(ctx.fence);
    assert.equal(expected, undefined, 'it ran');
    assert.deepEqual([ctx.attempt, ctx.recovered], [model.attempt + 1, model.recovered]);
    if (step.ends === 'return') return outcome;
    throw new Error(outcome);
  };
  const options = { payload: step.payload, onError: step.ends === 'return' ? 'release' : step.ends };
  const answer = await client.withIdempotency(key, fn, options).catch((error) => error.code ?? error.message);
  assert.equal(answer, expected ?? outcome);
  if (expected === undefined) model.ran(step, outcome);
}

onEachStore('C18 random sequences of calls, resets and resolutions end as the model says', async (world) => {
  // Another process's cache may replay for five seconds what was reset, so there is none here.
  const clients = [world.client({ cache: false }), world.client({ cache: false })];
  let keys = 0;
  const property = fc.asyncProperty(sequences, async (steps) => {
    keys += 1;
    const subject = { key: `k${keys}`, model: new Model(), fences: [] };
    for (const [number, step] of steps.entries()) {
      await take(step, number, { ...subject, client: clients[step.by] });
      const record = await clients[0].inspect({ key: subject.key });
      assert.equal(record?.state ?? 'absent', subject.model.state);
      if (record)
        assert.deepEqual([record.attempt, record.recovered], [subject.model.attempt, subject.model.recovered]);
    }
    const { fences } = subject;
    assert.ok(
      fences.every((fence, index) => index === 0 || fence > fences[index - 1]),
      `${fences}`,
    );
  });
  await fc.assert(property, { numRuns: RUNS });
});
