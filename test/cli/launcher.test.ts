/** bin/falco-pipe where something that it needs is not there: one line, exit 69. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { launcher } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

describe('an installation without a Node.js of its own', () => {
  let root: string;
  let path: string;

  beforeEach(() => {
    root = scratch();
    path = join(root, 'path');
    for (const folder of ['bin', 'path', 'dist', 'links']) mkdirSync(join(root, folder));
    copyFileSync(launcher, join(root, 'bin/falco-pipe'));
    // As npm does it: what is in PATH is a link to the launcher.
    symlinkSync('../bin/falco-pipe', join(root, 'links/falco-pipe'));
    for (const name of ['readlink', 'uname']) symlinkSync(`/usr/bin/${name}`, join(path, name));
    writeFileSync(join(root, 'dist/cli.js'), 'console.log(process.argv.slice(2).join())');
  });

  const start = () => {
    const args = [join(root, 'links/falco-pipe'), 'a', 'b c'];
    const { status, stdout, stderr } = spawnSync('/bin/sh', args, { env: { PATH: path }, encoding: 'utf8' });
    return { status, stdout, stderr };
  };

  test('the one in PATH is taken, and given the arguments as they are', () => {
    symlinkSync(process.execPath, join(path, 'node'));
    expect(start()).toEqual({ status: 0, stdout: 'a,b c\n', stderr: '' });
  });

  test('none in PATH', () => {
    const stderr = 'falco-pipe needs Node.js 22.22 or later, and there is no node in PATH.\n';
    expect(start()).toEqual({ status: 69, stdout: '', stderr });
  });

  test('one that is too old', () => {
    const old = '#!/bin/sh\n[ "$1" = --version ] && echo v20.19.2 && exit\nexit 9\n';
    writeFileSync(join(path, 'node'), old, { mode: 0o755 });
    const stderr = `falco-pipe needs Node.js 22.22 or later; ${join(path, 'node')} is v20.19.2.\n`;
    expect(start()).toEqual({ status: 69, stdout: '', stderr });
  });

  test('not built yet', () => {
    symlinkSync(process.execPath, join(path, 'node'));
    rmSync(join(root, 'dist'), { recursive: true });
    const stderr = `falco-pipe is not built yet: run 'make build' in ${root}.\n`;
    expect(start()).toEqual({ status: 69, stdout: '', stderr });
  });
});
