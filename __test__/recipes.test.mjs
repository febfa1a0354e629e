// The recipes of docs/recipes, in one process: their packages are installed and compiled once for all.
import './recipes/stripe.mjs';
import './recipes/webhooks.mjs';
import './recipes/databases.mjs';
import './recipes/next.mjs';
import './recipes/pages.mjs';
import './support/unhandled.mjs';
