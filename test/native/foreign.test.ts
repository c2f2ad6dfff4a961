/** The kernel programs of the architecture that this machine does not have: that they compile, since nothing here loads them. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch } from '../scratch.ts';

const native = join(import.meta.dirname, '../../native');
const foreign = process.arch === 'x64' ? 'arm64' : 'x86';

it(`the kernel programs compile for ${foreign}, without a warning`, () => {
  const flags = ['-O2', '-target', 'bpf', '-mcpu=v3', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror'];
  const include = [`-I.output/${process.arch}/include`, '-Ibpf', `-D__TARGET_ARCH_${foreign}`];
  const output = ['-c', 'bpf/sensor.bpf.c', '-o', join(scratch(), 'sensor.bpf.o')];
  // With -g, without which nothing is relocated.
  const { status, stderr } = spawnSync('clang-19', ['-g', ...flags, ...include, ...output], {
    cwd: native,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
