/** Everything that runs on the server, in one bundle: its parts share what they hold in memory. */
import { warnOfRuntime } from './native/runtime';

export * as index from './index';
export * as next from './next';
export * as testing from './testing';

warnOfRuntime();
