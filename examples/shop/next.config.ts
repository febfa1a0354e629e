import { withActonce } from 'actonce/next';
import type { NextConfig } from 'next';

const config: NextConfig = {
  // The repository around this folder has a lock file of its own; without this line Next takes that for the root.
  turbopack: { root: import.meta.dirname },
};

export default withActonce(config);
