/** Where this package is installed, and what of it is where. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

function find(folder: string): { root: string; version: string } {
  const file = join(folder, 'package.json');
  if (existsSync(file)) {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name === 'falco-pipe') return { root: folder, version: version ?? '0.0.0' };
  }
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
