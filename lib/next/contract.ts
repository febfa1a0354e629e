/** Holds next.d.ts, which is written by hand, and the implementation to each other: neither may have a name alone. */
import type * as described from '../../next';
import type * as implemented from './index';

type Assert<_ extends true> = true;
type SameNames<A, B> = [keyof A, keyof B] extends [keyof B, keyof A]
  ? true
  : [Exclude<keyof A, keyof B>, Exclude<keyof B, keyof A>];

export type NamesAreTheSame = Assert<SameNames<typeof described, typeof implemented>>;
export type ProblemsAreTheSame = Assert<
  typeof implemented.readProblem extends typeof described.readProblem ? true : false
>;
