/** What kernel events tell of their container beyond what its runtime does. */

import { describe, expect, it } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { ContainerTable } from '../../src/events/containers/table.ts';
import { lateFields } from '../../src/events/kernel/container-fields.ts';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import { containerOf } from '../events/containers/shared.ts';
import { Bench, type Fields } from './slab-writer.ts';

const ID = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';
const BOOT = 1_700_000_000_000_000_000n;
const inside = { cgroup_path: `/docker/${ID}`, pidns_start: 1_000, start: 2_000, exec_id: 1, comm: 'x', cwd: '/' };
const main = { ...inside, tgid: 10, tid: 10, ppid: 1, exe_path: '/bin/app', args: ['/bin/app'] };
const probe = { ...inside, tgid: 11, tid: 11, ppid: 1, exe_path: '/bin/sh', args: ['/bin/sh', '-c', 'check it'] };
const child = { ...inside, tgid: 12, tid: 12, ppid: 11, start: 3_000, exe_path: '/bin/check', args: ['check', 'it'] };
const open = (process: object): Fields => ({
  ...process,
  kind: 'open',
  time: 5_000,
  nr: 257,
  ret: 3,
  dirfd: -100,
  raw: '/a',
});

function bench(container = containerOf()) {
  const containers = new ContainerTable((entry) => entry.answered(container));
  return new Bench({ containers }).load(main, probe, child);
}

function read(of: Bench, process: object, ...texts: readonly string[]): unknown[] {
  const event = of.slab(open(process)).at(0) as KernelEvent;
  return texts.map((text) => event.get(text));
}

describe('Probes of a container', () => {
  const checked = { healthcheck: ['/bin/sh', '-c', 'check it'], readiness: ['check', 'it'] };
  const flags = ['healthcheck', 'liveness_probe', 'readiness_probe'].map((name) => `proc.is_container_${name}`);

  it('are what its runtime runs as such, and all that they start', () => {
    const of = bench(containerOf({ probes: checked }));
    expect(read(of, main, ...flags)).toEqual([false, false, false]);
    expect(read(of, probe, ...flags)).toEqual([true, false, false]);
    expect(read(of, child, ...flags)).toEqual([true, false, true]);
  });

  it('are none with other arguments, elsewhere, or where there is no such probe', () => {
    const one = (words: readonly string[]) =>
      read(bench(containerOf({ probes: { healthcheck: words } })), probe, ...flags);
    expect(one(['/bin/sh', '-c'])).toEqual([false, false, false]);
    expect(one(['/bin/sh', '-c', 'check it', 'twice'])).toEqual([false, false, false]);
    expect(one(['/bin/bash', '-c', 'check it'])).toEqual([false, false, false]);
    const host = { ...probe, tgid: 20, tid: 20, cgroup_path: '/' };
    const of = bench(containerOf({ probes: checked })).load(host);
    expect(read(of, host, ...flags)).toEqual([false, false, false]);
  });
});

describe('The start of a container', () => {
  const times = ['container.start_ts', 'container.duration'];
  const startedAt = BOOT + 4_000n;

  it('is that of its first process, whatever its runtime notes', () => {
    expect(read(bench(containerOf({ startedAt })), main, ...times)).toEqual([BOOT + 1_000n, 4_000]);
    expect(read(new Bench().load(main), main, ...times)).toEqual([BOOT + 1_000n, 4_000]);
  });

  it('is what its runtime notes where it shares the pids of the host', () => {
    const shared = bench(containerOf({ startedAt, hostPid: true }));
    expect(read(shared, main, ...times)).toEqual([startedAt, 1_000]);
  });

  it('is none on the host', () => {
    const host = { ...main, tgid: 20, tid: 20, cgroup_path: '/' };
    expect(read(bench().load(host), host, ...times)).toEqual([undefined, undefined]);
  });
});

describe('An event whose container is looked up', () => {
  it('is kept with what came late, after its batch has gone', async () => {
    const containers = new ContainerTable((entry) => entry.asked(60_000));
    const of = new Bench({ containers }).load(main);
    const slab = of.slab(open(main));
    const event = slab.at(0) as KernelEvent;
    const awaited = lateFields.of(event);
    const refs = [
      'fd.name',
      'container.name',
      'container.pending',
      'container.label[app]',
      'container.start_ts',
    ].flatMap((text) => catalogues.get('syscall')?.find(text) ?? []);
    const make = awaited?.keep(refs);
    slab.release();
    expect(make?.()).toMatchObject({ fields: { 'fd.name': '/a', 'container.pending': true } });
    containers.get(ID)?.answered(containerOf({ name: 'web', labels: { app: 'shop' } }));
    await awaited?.ready;
    expect(make?.()).toMatchObject({
      source: 'syscall',
      fields: {
        'fd.name': '/a',
        'container.name': 'web',
        'container.pending': false,
        'container.label[app]': 'shop',
        'container.start_ts': BOOT + 1_000n,
      },
    });
    expect(lateFields.of(of.slab(open(main)).at(0) as KernelEvent)).toBeUndefined();
  });
});
