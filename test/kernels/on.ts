/** on.ts KERNEL [FILE...]: runs test files, by default all that trace the kernel, on a kernel in .build/kernels: `make test-on`. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { haveAllPassed, runOn, SUITES } from './suites.ts';
import { missingHere, System } from './system.ts';

const LONG = 3 * 3_600_000;
const [name = '', ...files] = process.argv.slice(2);
const kernel = join(import.meta.dirname, '../../.build/kernels', name);
const why = missingHere() ?? (existsSync(`${kernel}.modules`) ? undefined : `there is no ${kernel}.modules`);
if (why) {
  console.error(`${why}: remove ${kernel}, and "make test-on KERNEL=bookworm" fetches what is needed`);
  process.exit(69);
}
const system = new System();
try {
  const tests = files.length > 0 ? files : SUITES;
  const said = await runOn(system, kernel, tests, LONG, (text) => process.stdout.write(text));
  process.exitCode = haveAllPassed(said) ? 0 : 1;
} finally {
  system.remove();
}
