/** The tests that trace the kernel, on each of the other kernels: `make test-long`. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { haveAllPassed, runOn, SUITES } from './suites.ts';
import { missingHere, System } from './system.ts';

const folder = join(import.meta.dirname, '../../.build/kernels');
const kernels = (existsSync(folder) ? readdirSync(folder) : [])
  .filter((name) => name.endsWith('.modules'))
  .map((name) => name.slice(0, -'.modules'.length));
const why = !process.env.FALCO_PIPE_LONG
  ? 'they take long (make test-long)'
  : process.arch !== 'x64'
    ? 'the kernels are those of x64'
    : (missingHere() ?? (kernels.length === 0 ? 'no kernel is in .build/kernels' : undefined));
if (why) console.warn(`SKIPPED: tests on other kernels: ${why}`);

/** For all tests on one kernel: on an idle machine they take a small part of it. */
const LONG = 2 * 3_600_000;
/** What a test has left to say what the machine said, when that is given up. */
const LAST = 10_000;

describe.skipIf(why)('tests on other kernels', () => {
  let system: System;
  beforeAll(() => {
    system = new System();
  }, 300_000);
  afterAll(() => system?.remove());

  it.each(kernels)(
    '%s',
    async (kernel) => {
      const said = await runOn(system, join(folder, kernel), SUITES, LONG - LAST);
      const result = /^\d+ passed, \d+ failed.*$/m.exec(said)?.[0];
      console.log(`${kernel}: ${result}`);
      expect(haveAllPassed(said), said).toBe(true);
    },
    LONG,
  );
});
