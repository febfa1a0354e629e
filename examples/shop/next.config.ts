import type { NextConfig } from 'next';

const config: NextConfig = {
  // actonce loads a native addon: Node requires it, the bundler must leave it alone.
  serverExternalPackages: ['actonce'],
  // The repository around this folder has a lock file of its own; without this line Next takes that for the root.
  turbopack: { root: import.meta.dirname },
};

export default config;
