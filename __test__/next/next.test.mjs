// Everything that needs a running Next.js 16, in one process: the app is installed and built once for all.
import './server.mjs';
import './client.mjs';
import './resend.mjs';
import '../support/unhandled.mjs';
