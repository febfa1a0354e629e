// The built package as a user gets it. Tests import it from here, and with it the watch over unhandled rejections.
import './unhandled.mjs';

export * from '../../dist/index.cjs';
