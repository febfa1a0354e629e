/** Compares testing.d.ts, which is written by hand, with the implementation, in both directions. */
import type * as described from '../../testing';
import type * as implemented from './index';

type Assert<_ extends true> = true;

export type EverythingDescribedIsThere = Assert<typeof implemented extends typeof described ? true : false>;
export type EverythingThereIsDescribed = Assert<typeof described extends typeof implemented ? true : false>;
