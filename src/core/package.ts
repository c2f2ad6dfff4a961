/** Where this package is installed, and what of it is where. */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

// Read, not asked for first: access(2) knows nothing of the capabilities with which a service may read everything.
function described(folder: string): { name?: string; version?: string } {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    return {};
  }
}

function find(folder: string): { root: string; version: string } {
  const { name, version } = described(folder);
  if (name === 'falco-pipe') return { root: folder, version: version ?? '0.0.0' };
  const up = dirname(folder);
  if (up === folder) throw new Error(`${here} is not inside an installation of falco-pipe`);
  return find(up);
}

const found = find(here);

/** The package's folder. */
export const packageRoot = found.root;

export const packageVersion = found.version;

/** True when the built program runs (dist/), false when its sources do. */
export const isBuilt = here.startsWith(join(packageRoot, 'dist'));
