/** What every test file begins with. */

import { tmpdir } from 'node:os';
import { basename, dirname } from 'node:path';
import { configureGlobal } from 'fast-check';
import { afterAll, expect, vi } from 'vitest';

// Where files share a process each has our modules for itself, and these are among them.
vi.resetModules();
const { isOfFile, OF_FILE, ownTemporary } = await import('./scratch.ts');

// `make test-long` sets it: property tests then try fifty times as much.
configureGlobal({ numRuns: process.env.FALCO_PIPE_LONG ? 5000 : 100 });

// Where files share a process, one whose tests were all skipped has left its folder: no hook was called at its end.
if (isOfFile(tmpdir())) process.env.TMPDIR = dirname(tmpdir());
const environment = { ...process.env };
const end = ownTemporary(basename(expect.getState().testPath ?? 'a test'), OF_FILE);
// Hooks of setup come last.
afterAll(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  const left = end();
  if (left) throw new Error(left);
});
