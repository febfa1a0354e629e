/**
 * Compares index.d.ts, which is written by hand, with the implementation, in both directions: a name or a type that
 * only one of them has does not compile.
 */
import type * as described from '../index';
import type * as implemented from './index';

type Described = typeof described;
type Implemented = typeof implemented;

type Assert<_ extends true> = true;
type Fits<From, To> = From extends To
  ? true
  : { [Name in keyof To]: Name extends keyof From ? Misfit<From[Name], To[Name]> : 'missing' };
type Misfit<From, To> = From extends To ? 'fits' : { is: From; should: To };

export type EverythingDescribedIsThere = Assert<Fits<Implemented, Described>>;
export type EverythingThereIsDescribed = Assert<Fits<Described, Implemented>>;
