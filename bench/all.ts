/** `make bench`: runs every measurement below bench/ one after the other; `make bench ONLY=start` those whose path says so. */

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const only = process.env.ONLY ?? '';
// What several of them share lies in a folder `shared`.
const files = globSync('**/*.ts', { cwd: here, exclude: ['all.ts', '**/shared/**'] }).sort();
const chosen = files.filter((file) => file.includes(only));
if (chosen.length === 0) console.error(`ONLY=${only} names none of ${files.join(', ')}`);

let failed = chosen.length === 0;
for (const file of chosen) {
  console.log(`\n== bench/${file}`);
  const { status } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(here, file)], {
    stdio: 'inherit',
  });
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
