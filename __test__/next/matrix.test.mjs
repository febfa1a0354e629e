// Every version of Next, every bundler, every place code can be in. One process: the suites share folders.
import './versions.mjs';
import './places.mjs';
import '../support/unhandled.mjs';
