/** node test/kernels/on.ts KERNEL [FILE...]: runs test files, by default all that trace the kernel, on one of .build/kernels. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runOn, SUITES } from './suites.ts';
import { missingHere, System } from './system.ts';

const HOURS = 3_600_000;
const [name = '', ...files] = process.argv.slice(2);
const kernel = join(import.meta.dirname, '../../.build/kernels', name);
const why =
  missingHere() ??
  (name && existsSync(`${kernel}.modules`) ? undefined : `there is no kernel ${name}: make .build/kernels/bookworm`);
if (why) {
  console.error(why);
  process.exit(69);
}
const system = new System();
try {
  const said = await runOn(system, kernel, files.length > 0 ? files : SUITES, 2 * HOURS, (text) =>
    process.stdout.write(text),
  );
  process.exitCode = /^\d+ passed, 0 failed/m.test(said) ? 0 : 1;
} finally {
  system.remove();
}
