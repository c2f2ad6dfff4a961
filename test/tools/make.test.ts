/** The front door: what make does when there is nothing to do, and what the installer of system packages says. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repository } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

function run(command: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; input?: string } = {}) {
  const env = { ...process.env, ...options.env };
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: repository,
    env,
    encoding: 'utf8',
    input: options.input,
  });
  return { status, stdout, stderr };
}

test('make build, when all is built: nothing is done, nothing is said', () => {
  const env = { MAKEFLAGS: '', MAKELEVEL: '' };
  expect(run('make', ['build'], { env })).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('a source that is changed while it is built is built the next time', () => {
  const folder = scratch();
  for (const each of ['src', 'native', 'tools', 'dist', '.build']) mkdirSync(join(folder, each));
  for (const each of ['tsconfig.json', 'tsconfig.types.json', 'package.json', '.build/packages', 'src/a.ts'])
    writeFileSync(join(folder, each), '{}');
  copyFileSync(join(repository, 'Makefile'), join(folder, 'Makefile'));
  const make = (build: string) => {
    writeFileSync(join(folder, 'tools/build.ts'), build);
    utimesSync(join(folder, 'tools/build.ts'), 0, 0);
    const args = ['-C', folder, '--no-print-directory', '-o', '.build/packages', 'dist/.built'];
    return run('make', args, { env: { MAKEFLAGS: '', MAKELEVEL: '' } }).stdout;
  };
  const built = 'building dist/\n';
  expect(make("require('node:fs').writeFileSync('src/a.ts', '1')")).toBe(built);
  expect(make('')).toBe(built);
  expect(make('')).not.toContain(built);
});

const noDpkg = spawnSync('dpkg-query', ['--version']).status !== 0;

describe.skipIf(noDpkg)(`tools/install-system-packages${noDpkg ? ' (skipped: not Debian)' : ''}`, () => {
  const installer = 'tools/install-system-packages';
  const missing = 'falco-pipe-no-such-package';
  const list = `to install with apt-get: ${missing}\n`;

  test('all installed: nothing is said', () => {
    expect(run(installer, ['dpkg'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('FALCO_PIPE_NO_APT=1 only prints the list, and fails', () => {
    const { status, stdout, stderr } = run(installer, ['dpkg', missing], { env: { FALCO_PIPE_NO_APT: '1' } });
    expect({ status, stdout }).toEqual({ status: 1, stdout: list });
    expect(stderr).toContain('FALCO_PIPE_NO_APT is set');
  });

  test.skipIf(process.getuid?.() !== 0)('not root: the command to type, exit 77', () => {
    // Read from the standard input: the checkout need not be readable for everybody.
    const input = readFileSync(join(repository, installer), 'utf8');
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-s', '--', missing];
    const { status, stdout, stderr } = run('setpriv', nobody, { input });
    expect({ status, stdout }).toEqual({ status: 77, stdout: list });
    expect(stderr).toContain(`sudo apt-get install --no-install-recommends ${missing}`);
  });

  test('no apt-get: what to do instead', () => {
    const path = join(scratch(), 'bin');
    mkdirSync(path);
    for (const name of ['dpkg-query', 'sh']) symlinkSync(`/usr/bin/${name}`, join(path, name));
    const { status, stdout, stderr } = run(installer, [missing], { env: { PATH: path } });
    expect({ status, stdout }).toEqual({ status: 1, stdout: list });
    expect(stderr).toContain('there is no apt-get here');
  });
});
