/**
 * `idempotentAction`: a Server Action that runs once per key, whichever way React and the browser call it. The order of
 * things is the promise: first the input is validated, then the caller is authorised (`scope`, for replays as well),
 * and only then is the key looked up.
 */
import type { IdempotencyContext, Outcome } from '../../index';
import type { StandardIssue, StandardSchema } from '../../next';
import { Accompanied } from '../call/compared';
import { CALL_RULES } from '../call/options';
import { withIdempotency } from '../client/default-client';
import { type ActonceError, InvalidInputError, invalid, isOwnRefusal } from '../errors';
import {
  asked,
  checkDefinition,
  DEFINITION_DEFAULTS,
  type DefinitionOptions,
  isNames,
  isPublic,
  namedScope,
  type OwnRules,
  payloadBy,
} from '../http/definition';
import { ofType, whole } from '../rules';
import { parseKeyHeader } from '../wire/key-header';
import { readArguments, type Submission } from './arguments';
import { recordCookies, refusalOf, replayCookies, warnOfEffects, withoutCookies } from './effects';
import { askerOf, isForm, objectOfForm, takesProblemAsResult } from './form';
import { markOutcome } from './recorded-error';
import { requestHeader } from './request';
import { isStandardSchema, validate } from './schema';
import { type Answer, resultOffRecord, thrownOffRecord } from './unrecorded';

/** The options as next.d.ts has them, without the types of one action. */
export interface ActionOptions extends DefinitionOptions {
  readonly scope: (input: unknown, ...bound: readonly unknown[]) => unknown;
  readonly bound?: number;
  readonly schema?: StandardSchema;
  readonly payload?: (input: unknown, ...bound: readonly unknown[]) => unknown;
  readonly signal?: AbortSignal;
  readonly recover?: (ctx: IdempotencyContext, input: unknown, ...bound: readonly unknown[]) => never;
  readonly onResponse?: (outcome: Outcome, input: unknown, ...bound: readonly unknown[]) => unknown;
  readonly onInvalid?: (issues: readonly StandardIssue[], sent: unknown) => unknown;
  readonly onProblem?: (problem: ActonceError, sent: FormData) => unknown;
  readonly replayCookies?: readonly string[];
}

export type Handler = (input: unknown, ctx: IdempotencyContext, ...bound: readonly unknown[]) => unknown;

/** A form of more is a program of its own. */
const MOST_BOUND = 100;

const RULES: OwnRules<ActionOptions> = {
  schema: (value) => (isStandardSchema(value) ? undefined : 'must be a Standard Schema (zod 3.24+, valibot 1+, …)'),
  recover: CALL_RULES.recover,
  signal: CALL_RULES.signal,
  onResponse: CALL_RULES.onResponse,
  onInvalid: ofType('function'),
  onProblem: ofType('function'),
  replayCookies: isNames,
  bound: whole(0, MOST_BOUND),
};

/** The key of a submission; undefined when there is none anywhere. */
async function keyOf(sent: Submission): Promise<unknown> {
  if (sent.key !== undefined && sent.key !== null && sent.key !== '') return sent.key;
  const header = await requestHeader('idempotency-key');
  if (header === undefined || header.trim() === '') return undefined;
  const key = parseKeyHeader(header);
  if (key === undefined) throw invalid('the header Idempotency-Key must hold one string, quoted or bare');
  return key;
}

export function idempotentAction(options: ActionOptions, handler: Handler): (...given: unknown[]) => Promise<unknown> {
  checkDefinition('idempotentAction', RULES, options, handler);
  return async (...given) => {
    const sent = given.at(-1);
    const answer: Answer = { asker: askerOf(sent) };
    try {
      return await perform(options, handler, readArguments(options.name, options.bound ?? 0, given), answer);
    } catch (error) {
      const flow = thrownOffRecord(error, answer);
      if (flow !== undefined) return flow;
      if (options.onProblem === undefined || !isOwnRefusal(error) || !takesProblemAsResult(sent)) throw error;
      const { onProblem } = options;
      return asked(() => onProblem(error, sent));
    }
  };
}

async function perform(options: ActionOptions, handler: Handler, sent: Submission, answer: Answer): Promise<unknown> {
  const { name, schema, scope, payload, recover, onResponse, onInvalid, onProblem, client, ...more } = options;
  const { replayCookies: cookieNames = [], missingKey = DEFINITION_DEFAULTS.missingKey, ...others } = more;
  const { bound: _, ...settings } = others;
  const { bound } = sent;
  const isFormForSchema = schema !== undefined && isForm(sent.input);
  const given = isFormForSchema ? objectOfForm(sent.input as FormData) : sent.input;
  const validated = await asked(() => validate(schema, given));
  if ('issues' in validated) {
    if (onInvalid !== undefined) {
      return resultOffRecord(await asked(() => onInvalid(validated.issues, sent.input)), answer);
    }
    throw new InvalidInputError(validated.issues);
  }
  const input = validated.value;
  const owner = await asked(() => scope(input, ...bound));
  const keepsCookies = cookieNames.length > 0;
  if (keepsCookies && isPublic(owner)) {
    throw invalid('replayCookies needs a user in the scope: the recorded cookies belong to the first caller');
  }
  const key = await keyOf(sent);
  const isUnprotected = key === undefined && missingKey === 'run';
  const run = (ctx: IdempotencyContext) => warnOfEffects(name, cookieNames, async () => handler(input, ctx, ...bound));
  const once = client?.withIdempotency ?? withIdempotency;
  const kept = keepsCookies ? (ctx: IdempotencyContext) => recordCookies(name, cookieNames, () => run(ctx)) : run;
  const compared = payload === undefined ? sent.input : await payloadBy(payload, input, ...bound);
  let refusal: unknown;
  try {
    const value = await once(key as string, kept, {
      ...settings,
      payload: bound.length === 0 ? compared : new Accompanied(compared, bound),
      scope: namedScope(name, owner),
      skip: isUnprotected,
      ...(recover && { recover: (ctx: IdempotencyContext) => found(recover(ctx, input, ...bound), keepsCookies) }),
      onResponse: async (outcome: Outcome) => {
        answer.outcome = outcome;
        if (keepsCookies) {
          refusal = refusalOf(outcome);
          if (refusal !== undefined) return;
          await replayCookies(outcome, cookieNames);
        }
        await onResponse?.(outcome, input, ...bound);
      },
    });
    if (refusal === undefined) return value;
  } catch (error) {
    const { outcome } = answer;
    markOutcome(error, outcome?.kind === 'error' && outcome.recorded ? (key as string) : undefined);
    throw error;
  }
  throw refusal;
}

/** What `recover` found, with no cookies beside it. */
async function found(recovered: unknown, keepsCookies: boolean): Promise<never> {
  const result = (await recovered) as { readonly value: unknown } | undefined;
  const isFound = keepsCookies && typeof result === 'object' && result !== null && 'value' in result;
  return (isFound ? { value: withoutCookies(result.value) } : result) as never;
}
