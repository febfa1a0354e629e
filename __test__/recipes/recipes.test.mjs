// The recipes of docs/recipes, in one process: their packages are installed and compiled once for all.
import './stripe.mjs';
import './webhooks.mjs';
import './databases.mjs';
import './decimal.mjs';
import './next.mjs';
import './pages.mjs';
import '../support/unhandled.mjs';
