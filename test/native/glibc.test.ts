/** The C library that the addon asks for: the oldest that the README promises, however new that of the machine is. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

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
