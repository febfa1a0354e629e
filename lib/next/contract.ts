/**
 * Holds next.d.ts, which is written by hand, and the implementation to each other: neither may have a name alone, or an
 * option.
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
// By their names, since here they are without the types of one action.
export type ActionsHaveTheSameOptions = Assert<SameNames<described.ActionOptions<never, never>, ActionOptions>>;
export type RoutesHaveTheSameOptions = Assert<SameNames<described.RouteOptions, RouteOptions>>;
export type ProblemsAreTheSame = Assert<
  typeof implemented.readProblem extends typeof described.readProblem ? true : false
>;
