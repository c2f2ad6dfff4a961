/** The verb `doctor`, and what `run` says where the kernel source cannot run, through the built program. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cannotTrace, launcher, Program, pipeline, repository, Stage } from '../e2e/program.ts';
import { KernelTypes } from '../native/btf.ts';
import { scratch } from '../scratch.ts';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly optional?: true;
  readonly found: string;
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
      expect.arrayContaining([
        'Node.js',
        'kernel',
        'BTF',
        'CAP_BPF',
        'CAP_PERFMON',
        'lockdown',
        'addon',
        'tp_btf',
        'programs',
      ]),
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
    expect(failedOf(program)).toEqual(['BTF']);
    // What needs it says nothing of the kernel then.
    const tracing = checksOf(program).checks.find(({ name }) => name === 'tp_btf');
    expect(tracing).toEqual({ name: 'tp_btf', ok: false, optional: true, found: 'not tried without BTF' });
  });

  test('run: one clear message; exit 69', async () => {
    const { code, stderr } = await withoutSys('run', path);
    expect(code).toBe(69);
    expect(stderr.match(/this kernel does not describe its types/g)).toHaveLength(1);
  });
});

test.skipIf(cannotTrace)('without /proc doctor says that, and not that rights are missing', async () => {
  const args = ['--mount', 'sh', '-c', 'umount -l /proc && exec "$0" "$@"', launcher, 'doctor', '-o', 'json'];
  const program = await Program.run(args, { command: 'unshare' });
  expect([program.code, failedOf(program)]).toEqual([0, []]);
  const { checks } = checksOf(program);
  expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['/proc']);
  expect(checks.map(({ name }) => name)).not.toContain('CAP_BPF');
});

describe.skipIf(cannotTrace)(`too few files may be open${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  const limited = (files: number, ...args: string[]) =>
    Program.start(['-c', `ulimit -n ${files} && exec "$0" "$@"`, launcher, ...args], { command: 'sh' });
  const ended = async (files: number, ...args: string[]) => {
    const program = limited(files, ...args);
    await program.ended;
    return program;
  };
  /** How many it would have to be, by what is said where there are `files`. */
  const enough = (files: number, said: string): number => {
    const [, needs, gets] = /than this process may have open: it needs (\d+) and gets (\d+)/.exec(said) ?? [];
    return files + Number(needs) - Number(gets);
  };
  const SOME = 3;
  const folder = scratch();
  const full = pipeline(
    folder,
    `sources: { node: { type: ebpf, scope: { descendants_of: ${process.pid} } } }
sinks:
  out: { type: stdout, from: node }
  one: { type: file, from: node, path: one.jsonl }
  two: { type: file, from: node, path: two.jsonl }
state: state
http: { listen: 127.0.0.1:0 }
`,
  );

  test('run says that and how to mend it, exit 69', async () => {
    const { code, stderr } = await ended(24, 'run', path);
    expect(code).toBe(69);
    expect(stderr).toContain('the sensor needs more files than this process may have open');
    expect(stderr).toContain('LimitNOFILE=');
  });

  test('doctor says so where a run would, and where it is content a run is', async () => {
    const [refused, few] = [await ended(64, 'run', full), await ended(64, 'doctor')];
    const ofRun = enough(64, refused.stderr);
    const ofDoctor = enough(64, few.stdout);
    expect(ofDoctor).toBeGreaterThan(ofRun);
    // Some files are open for a moment only: not always the same.
    const [fewer, more] = [ofRun - SOME, ofDoctor + SOME];
    expect([(await ended(fewer, 'run', full)).code, (await ended(fewer, 'doctor')).code]).toEqual([69, 69]);
    expect((await ended(ofDoctor - SOME, 'doctor')).stdout).toMatch(/^BAD +programs .*more files/m);
    expect((await ended(more, 'doctor')).code).toBe(0);
    const program = limited(more, 'run', full, '-o', 'json');
    await program.ready();
    expect(await program.stop()).toBe(0);
    expect(program.stderr).not.toContain('EMFILE');
  });
});

/** In a mount namespace of its own, where the kernel describes itself otherwise. */
const describedBy = (btf: string, args: readonly string[], exec = 'exec') => {
  const mount = `mount --bind ${btf} /sys/kernel/btf/vmlinux && ${exec} "$0" "$@"`;
  return Program.start(['--mount', 'sh', '-c', mount, ...args], { command: 'unshare' });
};

describe.skipIf(cannotTrace)(`io_uring of another kernel${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  const folder = scratch();
  const [types, numbers] = [join(folder, 'no-submit'), join(folder, 'number-completes')];

  beforeAll(() => {
    const without = new KernelTypes();
    without.remove('io_uring_submit_req');
    writeFileSync(types, without.bytes);
    const older = new KernelTypes();
    older.makeNumber('io_uring_complete', 2);
    writeFileSync(numbers, older.bytes);
  });

  test.each([
    [types, 'this kernel has no tracepoint io_uring_submit_req'],
    [numbers, 'io_uring_complete passes no result here'],
  ])('doctor names the reason, exit 0: %#', async (btf, reason) => {
    const program = describedBy(btf, [launcher, 'doctor', '-o', 'json']);
    expect(await program.ended).toBe(0);
    const check = checksOf(program).checks.find(({ name }) => name === 'io_uring');
    expect(check).toMatchObject({ ok: false, optional: true, found: `what goes through it is not seen: ${reason}` });
    expect(check?.advice).toContain('kernel.io_uring_disabled');
  });

  test('run says it once, as a warning and an event, and sees all else', async () => {
    const stage = new Stage();
    const rules = `{ type: rules, from: node, files: ${repository}/rules/host.yaml }`;
    const path = pipeline(
      folder,
      `sources:
  node: { type: ebpf, scope: { descendants_of: ${stage.pid} } }
  self: { type: internal }
operators:
  detect: ${rules}
  gaps: { type: filter, from: self, condition: evt.type = gap }
sinks: { out: { type: stdout, from: [detect, gaps], format: json } }
`,
    );
    const program = describedBy(numbers, [launcher, 'run', path, '-o', 'json']);
    await program.ready();
    await stage.run('cat /etc/shadow >/dev/null');
    await program.until(({ stdout }) => stdout.includes('/etc/shadow') && stdout.includes('io_uring'));
    const message = 'what goes through io_uring is not seen: io_uring_complete passes no result here';
    const said = program.stderr.split('\n').filter((line) => line.includes(message));
    expect(said.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, id: 'node', reason: 'io_uring' }]);
    expect(program.stdout).toContain(message);
    expect(await program.stop()).toBe(0);
    await stage.close();
  });
});

describe.skipIf(cannotTrace)(
  `a kernel that preempts programs${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`,
  () => {
    const types = join(scratch(), 'preempts');
    // Where tracefs cannot be read, nor mounted.
    const withoutTracefs =
      'mount -t tmpfs none /sys/kernel/tracing && ' +
      'exec setpriv --inh-caps=-all --bounding-set=-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search';

    beforeAll(() => {
      const preempts = new KernelTypes();
      preempts.nameLikeTracepoint('sched_process_wait', 'class_srcu_fast_notrace_t');
      writeFileSync(types, preempts.bytes);
    });

    test('run attaches its programs through perf, and sees the same', async () => {
      const stage = new Stage();
      const graph = `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: ${repository}/rules/host.yaml } }
sinks: { out: { type: stdout, from: detect } }
`;
      const program = describedBy(types, [launcher, 'run', pipeline(scratch(), graph)]);
      await program.ready();
      await stage.run('cat /etc/shadow >/dev/null');
      await program.until(({ stdout }) => stdout.includes('/etc/shadow'));
      const { stdout } = await Program.run(['doctor']);
      expect(await program.stop()).toBe(0);
      await stage.close();
      const ours = stdout.slice(stdout.indexOf(`agent pid ${program.child.pid}`)).split('\nagent ')[0];
      expect(ours).toMatch(/^runs {2}on_call .*\n/m);
      expect(
        ours
          ?.match(/^runs {2}\w+/gm)
          ?.map((line) => line.slice(6))
          .sort(),
      ).toEqual(expect.arrayContaining(['on_call', 'on_cgroup', 'on_exec', 'on_exit', 'on_fork']));
      expect(program.stderr).not.toContain('preempts');
    });

    test('doctor and run say that events can be missed where perf cannot be had', async () => {
      const doctor = describedBy(types, [launcher, 'doctor', '-o', 'json'], withoutTracefs);
      expect(await doctor.ended).toBe(0);
      const check = checksOf(doctor).checks.find(({ name }) => name === 'programs');
      const found = expect.stringContaining('/sys/kernel/tracing cannot be read: No such file or directory');
      expect(check).toMatchObject({
        ok: false,
        optional: true,
        found,
        advice: expect.stringContaining('Mount tracefs'),
      });
      const program = describedBy(types, [launcher, 'run', path], withoutTracefs);
      await program.ready();
      expect(program.stderr).toContain('events can be missed');
      expect(await program.stop()).toBe(0);
    });
  },
);

test.skipIf(cannotTrace)(
  'doctor says what each agent has lost, what is behind, which programs run, and what each costs',
  async () => {
    const stage = new Stage();
    const path = pipeline(
      scratch(),
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: ${repository}/rules/host.yaml } }
sinks:
  out: { type: stdout, from: detect }
  dead: { type: http, from: detect, url: 'http://127.0.0.1:1', retry: { initial: 1h, max: 1h, give_up_after: 1d } }
`,
    );
    const program = Program.start(['run', path, '--stop-timeout', '1ms']);
    await program.ready();
    await stage.run('cat /etc/shadow >/dev/null');
    await program.until(({ stdout }) => stdout.includes('/etc/shadow'));
    // What waits does so behind what is being written.
    await stage.run('cat /etc/shadow >/dev/null');
    await program.until(({ stdout }) => stdout.split('/etc/shadow').length > 2);
    const busy = spawn('sh', ['-c', 'while :; do : </dev/null; done'], { stdio: 'ignore' });
    const { json } = await Program.run(['doctor', '-o', 'json']);
    const { stdout } = await Program.run(['doctor']);
    busy.kill();
    await once(busy, 'close');
    expect(await program.stop()).toBe(0);
    await stage.close();
    const found = json[0] as {
      programs: { name: string; pid: number; instructions: number; runs: number; runNs: number }[];
      agents: { pid: number; pipeline: string; problems: string[] }[];
    };
    const pid = program.child.pid as number;
    const problem = expect.stringMatching(/^sink dead: http:\/\/127.0.0.1:1: connect ECONNREFUSED/);
    expect(found.agents.find((agent) => agent.pid === pid)).toMatchObject({ pipeline: path, problems: [problem] });
    // Of this agent alone: others may run beside it.
    const programs = found.programs.filter((each) => each.pid === pid);
    expect(programs.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['on_fork', 'on_exec', 'on_exit', 'on_call']),
    );
    for (const { instructions } of programs) expect(instructions).toBeGreaterThan(0);
    expect(programs.filter(({ name }) => name === 'on_call')).toHaveLength(1);
    const [, lines = ''] = stdout.split(`agent pid ${pid}, ${path}: ready\n`);
    expect(lines).toMatch(
      /^ +seen \d+, delivered \d+, filtered \d+, dropped 0, in flight \d+\n +problem: sink dead: http:/,
    );
    expect(lines).toMatch(/^ +behind: \d+ events wait for dead$/m);
    // The call of any process runs it, whoever is watched.
    const calls = programs.filter(({ name }) => name === 'on_call');
    expect(Math.max(...calls.map(({ runs }) => runs))).toBeGreaterThan(0);
    expect(Math.max(...calls.map(({ runNs }) => runNs))).toBeGreaterThan(0);
    expect(stdout).toMatch(/^runs {2}on_call +\d+ runs in 500 ms, \d+ ns each, [\d.]+ % of a CPU; \d+ instructions/m);
  },
);

describe.skipIf(cannotTrace)(
  `programs that a verifier refuses${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`,
  () => {
    /** An addon whose program on that tracepoint reads a register that nothing was put into. */
    function spoilt(section: string): string {
      const folder = scratch();
      const built = join(repository, 'prebuilds', `linux-${process.arch}`);
      const object = readFileSync(join(built, 'sensor.bpf.o'));
      const sections = execFileSync('readelf', ['-SW', join(built, 'sensor.bpf.o')], { encoding: 'utf8' });
      const [, offset = ''] = new RegExp(` ${section} +PROGBITS +[0-9a-f]+ ([0-9a-f]+)`).exec(sections) ?? [];
      Buffer.from([0x79, 0x50, 0, 0, 0, 0, 0, 0]).copy(object, Number.parseInt(offset, 16)); // r0 = *(u64 *)(r5 + 0)
      writeFileSync(join(folder, 'sensor.bpf.o'), object);
      copyFileSync(join(built, 'falco_pipe.node'), join(folder, 'falco_pipe.node'));
      return join(folder, 'falco_pipe.node');
    }

    test('doctor and run say why; exit 69', async () => {
      const env = { FALCO_PIPE_ADDON: spoilt('tp_btf/task_newtask') };
      const program = await Program.run(['doctor'], { env });
      expect(program.code).toBe(69);
      expect(program.stdout).toMatch(/^BAD {3}programs +the kernel refused .*\(load: .*: R5 !read_ok\)$/m);
      expect(program.stdout).toMatch(/^ +libbpf: prog 'on_fork': failed to load: -13$/m);
      expect(program.stdout).toContain('The kernel source cannot run here: programs.');
      const run = await Program.run(['run', path], { env });
      expect([run.code, run.stderr]).toEqual([69, expect.stringContaining('R5 !read_ok')]);
    });

    test('those of io_uring are done without, and doctor says so', async () => {
      const program = await Program.run(['doctor'], {
        env: { FALCO_PIPE_ADDON: spoilt('tp_btf/io_uring_submit_req') },
      });
      expect(program.code).toBe(0);
      expect(program.stdout).toMatch(/^note {2}programs +what goes through io_uring is not seen: .*R5 !read_ok$/m);
    });
  },
);
