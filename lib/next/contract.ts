/**
 * Compares next.d.ts, which is written by hand, with the implementation: neither may have a name or an option that the
 * other lacks.
 */
import type * as described from '../../next';
import type { RouteOptions } from '../http/route';
import type { ActionOptions } from './action';
import type * as implemented from './index';

type Assert<_ extends true> = true;
type SameNames<A, B> = [keyof A, keyof B] extends [keyof B, keyof A]
  ? true
  : [Exclude<keyof A, keyof B>, Exclude<keyof B, keyof A>];

export type NamesAreTheSame = Assert<SameNames<typeof described, typeof implemented>>;
// Compared by their names, since the options here are without the types of one action.
export type ActionsHaveTheSameOptions = Assert<SameNames<described.ActionOptions<never, never>, ActionOptions>>;
export type RoutesHaveTheSameOptions = Assert<SameNames<described.RouteOptions, RouteOptions>>;
export type ProblemsAreTheSame = Assert<
  typeof implemented.readProblem extends typeof described.readProblem ? true : false
>;
