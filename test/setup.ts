/** What every test file begins with. */

import { basename } from 'node:path';
import { configureGlobal } from 'fast-check';
import { afterAll, expect } from 'vitest';
import { OF_FILE, ownTemporary } from './scratch.ts';

// `make test-long` sets it: property tests then try fifty times as much.
configureGlobal({ numRuns: process.env.FALCO_PIPE_LONG ? 5000 : 100 });

const end = ownTemporary(basename(expect.getState().testPath ?? 'a test'), OF_FILE);
// Hooks of setup come last.
afterAll(() => {
  const left = end();
  if (left) throw new Error(left);
});
