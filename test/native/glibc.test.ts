/** The C library that the addon asks for: the oldest that the README promises, however new that of the machine is. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { loadAddon } from '../../native/locate.ts';
import { scratch } from '../scratch.ts';

const root = join(import.meta.dirname, '../..');

const version = (text = '') => text.split('.').map(Number) as [number, number];

test.each(readdirSync(join(root, 'prebuilds')))(
  'the addon for %s asks for no newer C library than is promised',
  (machine) => {
    const addon = join(root, 'prebuilds', machine, 'falco_pipe.node');
    const promised = /glibc (2\.\d+) or later/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
    const [, most] = version(promised);
    const needs = execFileSync('readelf', ['--version-info', '--wide', addon], { encoding: 'utf8' });
    const asked = [...needs.matchAll(/\bGLIBC_(2\.\d+)/g)].map(([, found]) => version(found));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter(([, minor]) => minor > most)).toEqual([]);
    // Of the C++ library of the machine it asks for nothing: that is built in.
    expect(needs).not.toMatch(/GLIBCXX|CXXABI/);
  },
);

test.each([
  'Error loading shared library libelf.so.1: No such file or directory (needed by /x/falco_pipe.node)',
  'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /x/falco_pipe.node)',
  'Error relocating /x/falco_pipe.node: __isoc23_sscanf: symbol not found',
])('where there is musl instead, that is said, and no package: %s', (words) => {
  // As the loader of musl 1.2.5 says it: there is no Node.js of it here.
  const file = join(scratch(), 'addon.cjs');
  writeFileSync(file, `throw new Error(${JSON.stringify(words)});\n`);
  vi.stubEnv('FALCO_PIPE_ADDON', file);
  const hint = expect.stringMatching(/^it needs glibc 2\.34 or later, and this is musl/);
  try {
    expect(loadAddon).toThrow(expect.objectContaining({ diagnostics: [expect.objectContaining({ hint })] }));
  } finally {
    vi.unstubAllEnvs();
  }
});
