// Everything that needs a running Next.js 16, in one process: the app is installed and built once for all.
import './next/server.mjs';
import './next/client.mjs';
import './next/resend.mjs';
import './support/unhandled.mjs';
