/** The systemd unit: systemd accepts it, its rights suffice, and the program tells systemd what it waits for. */

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { exitCode } from '../../src/core/errors.ts';
import { cannotTrace, launcher, Program, pipeline, repository, Stage } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const unit = readFileSync(join(repository, 'deploy/falco-pipe.service'), 'utf8');
const folder = scratch();

const noSystemd = spawnSync('systemd-analyze', ['--version']).status !== 0;

test.skipIf(noSystemd)(`systemd-analyze finds nothing wrong${noSystemd ? ' (skipped: there is none)' : ''}`, () => {
  const path = join(folder, 'falco-pipe.service');
  // Installed it lies elsewhere; which commands it starts is checked too, so it has to be one that is there.
  writeFileSync(path, unit.replace(/^(ExecStart=)\S+/m, `$1${launcher}`));
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' });
  expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: '' });
});

test('a program that may begin later is started again for ever, and one that cannot is not', () => {
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1]?.split(' ');
  expect(value('Restart')).toEqual(['on-failure']);
  expect(value('StartLimitIntervalSec')).toEqual(['0']);
  const { noPermission, unavailable, config } = exitCode;
  expect(value('RestartPreventExitStatus')?.map(Number)).toEqual([noPermission, unavailable, config]);
});

describe('what systemd is told', () => {
  const listen = join(folder, 'listen');
  /** Hears what systemd would, until the program stops. */
  async function listener(address: string): Promise<Program> {
    const program = Program.start([address], { command: listen });
    await program.until(({ stdout }) => stdout.includes('listening'));
    return program;
  }

  beforeAll(() => {
    execFileSync('g++', ['-x', 'c', '-o', listen, join(import.meta.dirname, 'listen.c')]);
  });

  test.each([
    ['at a path', join(folder, 'notify')],
    ['at an abstract name', `@falco-pipe-test-${process.pid}`],
  ])('READY=1 when it runs, STOPPING=1 when it ends, %s', async (_where, address) => {
    const systemd = await listener(address);
    const { code, stderr } = await Program.run(['run', 'pipelines/demo.yaml'], { env: { NOTIFY_SOCKET: address } });
    expect(code, stderr).toBe(0);
    await systemd.ended;
    expect(systemd.stdout).toBe('listening\nREADY=1\nSTOPPING=1\n');
  });

  test('that it reloads, and that it lives as long as the watchdog asks', async () => {
    const address = join(folder, 'notify-reload');
    const systemd = await listener(address);
    const path = pipeline(
      folder,
      'sources: { self: { type: internal } }\nsinks: { out: { type: stdout, from: self } }',
    );
    const env = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '100000' };
    const program = Program.start(['run', path], { env });
    await program.ready();
    program.child.kill('SIGHUP');
    await program.until(({ stderr }) => stderr.includes('reloaded (SIGHUP)'));
    await systemd.until(({ stdout }) => stdout.includes('WATCHDOG=1'));
    expect(await program.stop()).toBe(0);
    await systemd.ended;
    expect(systemd.stdout.replaceAll('WATCHDOG=1\n', '')).toMatch(
      /^listening\nREADY=1\nRELOADING=1\nMONOTONIC_USEC=\d+\nREADY=1\nSTOPPING=1\n$/,
    );
  });

  test('that it is not ready while a source cannot be opened, and why; then that it is', async () => {
    const address = join(folder, 'notify-late');
    const systemd = await listener(address);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const path = pipeline(
      folder,
      `sources: { in: { type: k8s_audit, listen: '127.0.0.1:${port}' } }\nsinks: { out: { type: stdout, from: in } }`,
    );
    const program = Program.start(['run', path], { env: { NOTIFY_SOCKET: address } });
    await program.until(({ stderr }) => stderr.includes('not ready: source in: cannot listen at'));
    expect(program.stderr).not.toMatch(/(?<!not )ready: \d/);
    taken.close();
    await program.until(({ stderr }) => /(?<!not )ready: 0 programs, 0 rules/.test(stderr));
    await systemd.until(({ stdout }) => stdout.includes('STATUS=ready'));
    expect(await program.stop()).toBe(0);
    await systemd.ended;
    expect(systemd.stdout).toMatch(
      /^listening\nSTATUS=not ready: source in: cannot listen at .*EADDRINUSE.*\nREADY=1\nSTATUS=ready\nSTOPPING=1\n$/,
    );
  });

  test('that nobody listens is said, and no reason to fail', async () => {
    const env = { NOTIFY_SOCKET: join(folder, 'nobody') };
    const { code, stderr } = await Program.run(['run', 'pipelines/demo.yaml'], { env });
    expect(code).toBe(0);
    expect(stderr).toContain('systemd could not be told READY=1');
  });
});

describe.skipIf(cannotTrace)(`the rights of the unit${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  const [, names = ''] = /^AmbientCapabilities=(.*)$/m.exec(unit) ?? [];
  const rights = names.split(' ').map((name) => `+${name.replace('CAP_', '').toLowerCase()}`);

  test('suffice for alerts, without root', async () => {
    const stage = new Stage();
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: ${repository}/rules/host.yaml } }
sinks: { out: { type: stdout, from: detect } }
`,
    );
    const caps = rights.join(',');
    const words = ['--reuid=65534', '--regid=65534', '--clear-groups', `--inh-caps=${caps}`, `--ambient-caps=${caps}`];
    const bounds = [`--bounding-set=-all,${caps}`, '--no-new-privs', launcher, 'run', path];
    const program = Program.start([...words, ...bounds], { command: 'setpriv' });
    await program.ready();
    await stage.run('cat /etc/shadow >/dev/null');
    await program.until(({ stdout }) => stdout.includes('/etc/shadow'));
    expect(await program.stop()).toBe(0);
    await stage.close();
  });
});
