/**
 * The control flow of Next.js (`redirect()`, `notFound()` and the like) as an outcome. This file decides whether a run
 * that threw ended in control flow or in an error (for `threw` in lib/call/execute.ts and `recordCookies` in
 * lib/next/effects.ts), encodes and decodes control flow for the record (through results.ts), and shows it to a caller.
 * next-signals.ts recognises what Next throws, and throws it again (for `returnOrThrow` in lib/call/idempotency.ts and
 * `replayedResponse` in lib/http/route-response.ts). The recorded form is our own, since digests differ between
 * versions and a record outlives a deployment.
 */
import type { HttpOutcome, OutcomeBase, RedirectOutcome } from '../../index';
import { MalformedPayloadError } from './codec';
import { Format } from './format';
import { asControlFlow, type ControlFlow, isForeignControlFlow, recordableControlFlow } from './next-signals';
import type { Ending } from './results';

/**
 * How the run ended that threw this value: with control flow of Next that is an outcome, or with an error. A value that
 * cannot even be looked at (a revoked proxy, a throwing getter) is an error like any other.
 * @returns undefined for control flow that nobody but Next may see
 */
export function endingOfThrown(thrown: unknown): Ending | undefined {
  try {
    if (isForeignControlFlow(thrown)) return undefined;
    const flow = recordableControlFlow(thrown);
    if (flow !== undefined) return { kind: 'flow', flow, thrown };
  } catch {
    // An error, then.
  }
  return { kind: 'error', error: thrown, recorded: false };
}

/** The flow as an outcome shows it, and `inspect`. */
export function shownFlow(flow: ControlFlow): Shown<RedirectOutcome> | Shown<HttpOutcome> {
  if (flow.kind === 'http') return { kind: 'http', httpStatus: flow.status };
  return { kind: 'redirect', url: flow.url, type: flow.type, httpStatus: flow.status };
}

type Shown<Of> = Omit<Of, keyof OutcomeBase>;

export function encodeControlFlow(flow: ControlFlow): string {
  return Format.FLOW + JSON.stringify(flow);
}

/** @throws MalformedPayloadError */
export function decodeControlFlow(text: string): ControlFlow {
  if (text[0] !== Format.FLOW) throw new MalformedPayloadError('it is not marked as control flow of Next.js');
  const flow = asControlFlow(Object(parsed(text.slice(1))) as Record<string, unknown>);
  if (flow === undefined) throw new MalformedPayloadError('it is not a control flow that Next.js has');
  return flow;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MalformedPayloadError('it is not JSON', cause);
  }
}
