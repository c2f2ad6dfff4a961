import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import type { KernelSlab } from '../../src/events/kernel/slab.ts';
import { Model, type Step } from './process-model.ts';
import { shell as anyShell } from './shell.ts';
import { Bench, type Fields, record, ring, scanOf } from './slab-writer.ts';

const read = (slab: KernelSlab, index: number, ...fields: string[]) => {
  const event = slab.at(index) as KernelEvent;
  return fields.map((field) => event.get(field));
};

const init = {
  tgid: 1,
  tid: 1,
  ppid: 0,
  start: 1,
  exec_id: 1,
  comm: 'systemd',
  args: ['/sbin/init'],
  exe_path: '/usr/lib/systemd/systemd',
  cwd: '/',
  sid: 1,
  pgid: 1,
  vpid: 1,
};
const shell = {
  ...anyShell,
  sid: 100,
  pgid: 100,
  vpid: 100,
};
const child = { tgid: 200, tid: 200, ppid: 100, start: 60, exec_id: 3, comm: 'bash' };
const fork: Fields = {
  ...child,
  kind: 'fork',
  parent_tgid: 100,
  parent_start: 50,
  parent_exec_id: 3,
  vpid: 200,
  vtid: 200,
};
const exec: Fields = {
  ...child,
  kind: 'exec',
  exec_id: 4,
  comm: 'cat',
  args: ['cat', '/etc/hosts'],
  exe_path: '/bin/cat',
  cwd: '/home/alice',
  sid: 100,
  pgid: 200,
  vpid: 200,
};
const open = (of: object, raw = '/x'): Fields => ({ ...of, kind: 'open', nr: 257, ret: 3, raw }) as Fields;
const exit = (of: object, reaper = 1): Fields => ({ ...of, kind: 'exit', reaper }) as Fields;
const execed = { ...child, exec_id: 4, comm: 'cat' };

describe('images', () => {
  it('judge each event of a batch with the image of its moment', () => {
    const slab = new Bench().load(init, shell).slab(fork, open(child), exec, open(execed), exit(execed));
    expect(
      [0, 1, 2, 3, 4].map((index) => read(slab, index, 'evt.type', 'proc.exepath', 'proc.cmdline', 'proc.pname')),
    ).toEqual([
      ['clone', '/bin/bash', 'bash -i', 'bash'],
      ['openat', '/bin/bash', 'bash -i', 'bash'],
      ['execve', '/bin/cat', 'cat /etc/hosts', 'bash'],
      ['openat', '/bin/cat', 'cat /etc/hosts', 'bash'],
      ['procexit', '/bin/cat', 'cat /etc/hosts', 'bash'],
    ]);
  });

  it('show ancestors as they were at the event, though they exec and exit later in the batch', () => {
    const newShell = { ...shell, exec_id: 4, comm: 'zsh', args: ['zsh'] };
    const slab = new Bench()
      .load(init, shell)
      .slab(fork, open(child), { ...newShell, kind: 'exec' }, open(child), exit(newShell), open({ ...child, ppid: 1 }));
    expect(read(slab, 1, 'proc.pname', 'proc.aname', 'proc.apid')).toEqual(['bash', ['bash', 'systemd'], [100, 1]]);
    expect(read(slab, 3, 'proc.pname', 'proc.pcmdline')).toEqual(['zsh', 'zsh']);
    expect(read(slab, 5, 'proc.pname', 'proc.ppid', 'proc.aname')).toEqual(['systemd', 1, ['systemd']]);
  });

  it('lead from a dead parent to its reaper, before the kernel has moved the child', () => {
    const slab = new Bench().load(init, shell).slab(fork, exit(shell), open(child));
    expect(read(slab, 2, 'proc.pname')).toEqual(['systemd']);
  });

  it('tell two processes with one id apart, in one batch and after it', () => {
    const bench = new Bench().load(init, shell);
    const second = { ...fork, start: 90 };
    const slab = bench.slab(fork, exec, exit(execed), second, open({ ...child, start: 90 }));
    expect([1, 2, 3, 4].map((index) => read(slab, index, 'proc.exepath')[0])).toEqual([
      '/bin/cat',
      '/bin/cat',
      '/bin/bash',
      '/bin/bash',
    ]);
    slab.release();
    expect(read(bench.slab(open({ ...child, start: 90 })), 0, 'proc.exepath')).toEqual(['/bin/bash']);
    expect(bench.processes.counts.missed).toBe(0);
  });

  it('follow the kernel when it names another parent, though the exit of the old one was lost', () => {
    const slab = new Bench()
      .load(init, shell)
      .slab(fork, open(child), open({ ...child, ppid: 1 }), open({ ...child, ppid: 1 }));
    expect([1, 2, 3].map((index) => read(slab, index, 'proc.pname')[0])).toEqual(['bash', 'systemd', 'systemd']);
  });

  it('never take a process that reuses the parent id for the parent', () => {
    // The exit of 100 and the re-parenting were lost; another process has its id.
    const other = { ...shell, start: 500, exec_id: 9, comm: 'evil', args: ['evil'] };
    const slab = new Bench().load(init, shell).slab(fork, { ...other, kind: 'exec' }, open(child));
    expect(read(slab, 2, 'proc.pname', 'proc.aname')).toEqual([undefined, undefined]);
  });

  it('change with the working directory', () => {
    const slab = new Bench()
      .load(init, shell)
      .slab(open(shell), { ...shell, kind: 'chdir', nr: 80, cwd: '/etc' }, fork, open(child));
    expect([0, 1, 3].map((index) => read(slab, index, 'proc.cwd')[0])).toEqual(['/home/alice/', '/etc/', '/etc/']);
  });

  it('of a namespace: a fork tells when its first process started', () => {
    const slab = new Bench()
      .load(init, { ...shell, pidns_start: 1 })
      .slab({ ...fork, clone_flags: 0x2000_0000, vpid: 1, vtid: 1, pidns_start: 60 });
    expect(read(slab, 0, 'proc.vpid', 'proc.pidns_init_start_ts', 'evt.arg.flags')).toEqual([
      1,
      1_700_000_000_000_000_060n,
      'CLONE_NEWPID|CLONE_CHILD_IN_PIDNS',
    ]);
  });
});

describe('a missed record', () => {
  it('has the process scanned, and counts', () => {
    const scans: number[] = [];
    const bench = new Bench({
      rescan: (tgid) => {
        scans.push(tgid);
        return scanOf({ ...exec, kind: 'scan' });
      },
    }).load(init, shell);
    const slab = bench.slab(open(execed), open(execed));
    expect([0, 1].map((index) => read(slab, index, 'proc.exepath')[0])).toEqual(['/bin/cat', '/bin/cat']);
    expect(scans).toEqual([200]);
    expect(bench.processes.counts).toEqual({ missed: 1, rescans: 1, unknown: 0, evicted: 0, args_cut: 0, env_cut: 0 });
  });

  it('leaves fields absent when the scan comes too late, and does not take the later program for it', () => {
    const bench = new Bench({
      rescan: () => scanOf({ ...exec, kind: 'scan', exec_id: 5, exe_path: '/bin/later' }),
    }).load(init, shell);
    const slab = bench.slab(
      open(execed),
      { ...exec, exec_id: 5, exe_path: '/bin/later' },
      open({ ...execed, exec_id: 5 }),
    );
    expect(read(slab, 0, 'proc.exepath', 'proc.name', 'proc.pname', 'container.id')).toEqual([
      undefined,
      'cat',
      'bash',
      undefined,
    ]);
    expect(read(slab, 2, 'proc.exepath')).toEqual(['/bin/later']);
    expect(bench.processes.counts).toMatchObject({ missed: 1, unknown: 1 });
  });

  it('of an exec shows at the exit: it is not the exit of the old program', () => {
    const bench = new Bench().load(init, shell);
    const slab = bench.slab(fork, exit(execed));
    expect(read(slab, 1, 'proc.exepath', 'proc.name', 'proc.pname')).toEqual([undefined, 'cat', 'bash']);
    expect(bench.processes.counts).toMatchObject({ missed: 1, unknown: 1 });
  });

  it('of a fork: the parent is scanned, then the child', () => {
    const scans: number[] = [];
    const bench = new Bench({
      rescan: (tgid) => {
        scans.push(tgid);
        return tgid === 100 ? scanOf({ ...shell, kind: 'scan' }) : undefined;
      },
    }).load(init);
    expect(read(bench.slab(fork), 0, 'proc.exepath', 'proc.pname')).toEqual(['/bin/bash', 'bash']);
    expect(scans).toEqual([100]);
  });

  it('is none when a kernel thread that is new forks: those are not sent', () => {
    const worker = { ...shell, exe_path: '', args: [], comm: 'kworker/0:1' };
    const bench = new Bench({
      rescan: (tgid) => (tgid === 100 ? scanOf({ ...worker, kind: 'scan' }) : undefined),
    }).load(init);
    expect(read(bench.slab(fork), 0, 'proc.pname', 'proc.exepath')).toEqual(['kworker/0:1', '']);
    expect(bench.processes.counts).toMatchObject({ missed: 0, unknown: 0 });
  });

  it('of many processes does not cost a scan each in one batch', () => {
    const bench = new Bench().load(init);
    bench.slab(...Array.from({ length: 500 }, (_, index) => open({ ...execed, tgid: 1000 + index }))).release();
    expect(bench.processes.counts.rescans).toBeLessThanOrEqual(32);
    expect(bench.processes.counts.missed).toBe(500);
  });
});

describe('the table', () => {
  it('forgets processes that have exited', () => {
    const bench = new Bench().load(init, shell);
    const slab = bench.slab(fork, exec, exit(execed));
    expect(bench.processes.size).toBe(3);
    slab.release();
    expect(bench.processes.size).toBe(2);
  });

  it('has a limit; who gave way comes back by a scan', () => {
    const bench = new Bench({ limit: 10, rescan: (tgid) => scanOf({ ...shell, tgid, kind: 'scan' }) }).load(
      init,
      shell,
    );
    const slab = bench.slab(
      ...Array.from({ length: 20 }, (_, index) => ({ ...fork, tgid: 300 + index, start: 100 + index })),
    );
    slab.release();
    expect(bench.processes.size).toBeLessThanOrEqual(10);
    expect(bench.processes.counts.evicted).toBeGreaterThan(10);
    expect(read(bench.slab(open({ ...shell, tgid: 100 })), 0, 'proc.exepath')).toEqual(['/bin/bash']);
  });

  it('keeps no older image once no batch can ask for it', () => {
    const bench = new Bench().load(init, shell);
    for (let round = 0; round < 100; round++) {
      bench.slab({ ...shell, kind: 'exec', exec_id: 4 + round }).release();
    }
    expect(bench.processes.find(100, Number.MAX_SAFE_INTEGER)?.previous).toBeUndefined();
  });
});

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    op: fc.constantFrom('fork', 'fork', 'exec', 'exit', 'chdir', 'setuid', 'open', 'open', 'cut' as const),
    pick: fc.nat(1000),
  }),
  { maxLength: 120 },
);

const CHECKED = [
  'evt.type',
  'proc.exepath',
  'proc.cmdline',
  'proc.cwd',
  'proc.ppid',
  'proc.pname',
  'proc.aname',
  'user.uid',
  'fd.name',
];

describe('against a simple model', () => {
  it('every event reads as the model says, whatever the order and the batches', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const model = new Model();
        const bench = new Bench().load(...model.running());
        const check = () => {
          const { records, expected } = model.take();
          const slab = bench.raw(ring(records.map(record)));
          expect(slab.length).toBe(expected.length);
          expected.forEach((fields, index) => {
            const event = slab.at(index) as KernelEvent;
            expect(Object.fromEntries(CHECKED.map((field) => [field, event.get(field)]))).toEqual(fields);
          });
          slab.release();
        };
        for (const step of list) {
          if (step.op === 'cut') check();
          else model.step(step);
        }
        check();
        expect(bench.processes.counts).toEqual({
          missed: 0,
          rescans: 0,
          unknown: 0,
          evicted: 0,
          args_cut: 0,
          env_cut: 0,
        });
        expect(bench.processes.size).toBe(model.running().length);
      }),
      { numRuns: 300 },
    );
  });

  it('with records lost, a program is right or absent, never another one', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat(3)), (list, luck) => {
        const model = new Model();
        const bench = new Bench({
          rescan: (tgid) => {
            const found = model.running().find((process) => process.tgid === tgid);
            return found && scanOf({ ...found, kind: 'scan' });
          },
        }).load(...model.running());
        const check = () => {
          const { records, expected } = model.take();
          const kept = records
            .map((fields, index) => ({ fields, want: expected[index] }))
            .filter(() => luck.next().value !== 0);
          const slab = bench.raw(ring(kept.map(({ fields }) => record(fields))));
          kept.forEach(({ want }, index) => {
            const event = slab.at(index) as KernelEvent;
            for (const field of ['proc.exepath', 'proc.cmdline', 'proc.ppid', 'user.uid']) {
              const value = event.get(field);
              if (value !== undefined) expect(value).toEqual(want?.[field]);
            }
          });
          slab.release();
        };
        for (const step of list) {
          if (step.op === 'cut') check();
          else model.step(step);
        }
        check();
      }),
      { numRuns: 300 },
    );
  });
});
