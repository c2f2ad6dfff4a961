/** The kernel programs of the architecture that this machine does not have: that they compile, since nothing here loads them. */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch } from '../scratch.ts';
import { compileBpf } from './compile.ts';

const foreign = process.arch === 'x64' ? 'arm64' : 'x64';

it(`the kernel programs compile for ${foreign}, without a warning`, () => {
  const warnings = ['-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror'];
  expect(compileBpf(join(scratch(), 'sensor.bpf.o'), warnings, foreign)).toBe('');
});
