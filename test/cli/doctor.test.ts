/** The verb `doctor`, and what `run` says where the kernel source cannot run, through the built program. */

import { describe, expect, test } from 'vitest';
import { cannotTrace, launcher, Program, pipeline, scratch } from '../e2e/program.ts';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly optional?: true;
  readonly advice?: string;
}

const checksOf = ({ json }: Program) => json[0] as unknown as { ok: boolean; checks: Check[] };
const failedOf = (program: Program) =>
  checksOf(program)
    .checks.filter(({ ok, optional }) => !ok && !optional)
    .map(({ name }) => name);

const path = pipeline(
  scratch(),
  `sources: { node: { type: ebpf, scope: { descendants_of: ${process.pid} } } }
sinks: { out: { type: stdout, from: node } }
`,
);

/** As root, but without a single capability: what a process in a container often is. */
const withoutRights = (...args: string[]) =>
  Program.run(['--bounding-set=-all', '--inh-caps=-all', launcher, ...args], { command: 'setpriv' });

const withoutAddon = (...args: string[]) => Program.run(args, { env: { FALCO_PIPE_ADDON: '/no/such/addon.node' } });

describe.skipIf(cannotTrace)(`a machine that has all${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('every check is good, exit 0', async () => {
    const program = await Program.run(['doctor', '-o', 'json']);
    expect(program.code).toBe(0);
    expect(checksOf(program).ok).toBe(true);
    const names = checksOf(program).checks.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['Node.js', 'kernel', 'BTF', 'CAP_BPF', 'CAP_PERFMON', 'lockdown', 'addon', 'tp_btf']),
    );
    expect(failedOf(program)).toEqual([]);
  });

  test('for people: a line each, and the upshot', async () => {
    const { stdout } = await Program.run(['doctor']);
    expect(stdout).toMatch(/^ok {4}BTF +\/sys\/kernel\/btf\/vmlinux$/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('The kernel source can run here.');
  });
});

describe.skipIf(process.getuid?.() !== 0)('without rights', () => {
  test('doctor: only the rights are bad, each with how to get it; exit 77', async () => {
    const program = await withoutRights('doctor', '-o', 'json');
    expect(program.code).toBe(77);
    expect(failedOf(program)).toEqual(['CAP_BPF', 'CAP_PERFMON']);
    const { checks } = checksOf(program);
    expect(checks.find(({ name }) => name === 'CAP_BPF')?.advice).toContain('AmbientCapabilities=CAP_BPF');
  });

  test('run: one clear message, with the advice of doctor; exit 77', async () => {
    const { code, stdout, stderr } = await withoutRights('run', path);
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    expect(stderr.match(/this process may not trace the kernel: it lacks CAP_BPF and CAP_PERFMON/g)).toHaveLength(1);
    expect(stderr).toContain('run as root, or give the service AmbientCapabilities=');
    expect(stderr).toContain("'falco-pipe doctor'");
  });
});

describe('without the addon', () => {
  test('doctor: it is bad; exit 69', async () => {
    const program = await withoutAddon('doctor', '-o', 'json');
    expect(failedOf(program)).toContain('addon');
    expect([69, 77]).toContain(program.code);
    if (!cannotTrace) expect(program.code).toBe(69);
  });

  test('run: one clear message; exit 69', async () => {
    const { code, stderr } = await withoutAddon('run', path);
    expect(code).toBe(69);
    expect(stderr.match(/there is no native addon for linux-/g)).toHaveLength(1);
    expect(stderr).toContain('build it: make build');
    expect(stderr).toContain("'falco-pipe doctor'");
  });
});

describe.skipIf(cannotTrace)(`without BTF${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  /** In a mount namespace of its own, where /sys is empty. */
  const withoutSys = (...args: string[]) =>
    Program.run(['--mount', 'sh', '-c', 'mount -t tmpfs none /sys && exec "$0" "$@"', launcher, ...args], {
      command: 'unshare',
    });

  test('doctor: BTF is bad; exit 69', async () => {
    const program = await withoutSys('doctor', '-o', 'json');
    expect(program.code).toBe(69);
    expect(failedOf(program)).toContain('BTF');
  });

  test('run: one clear message; exit 69', async () => {
    const { code, stderr } = await withoutSys('run', path);
    expect(code).toBe(69);
    expect(stderr.match(/this kernel does not describe its types/g)).toHaveLength(1);
  });
});
