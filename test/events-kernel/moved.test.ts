/** Processes that are moved from one cgroup to another. */

import { describe, expect, it } from 'vitest';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import type { KernelSlab } from '../../src/events/kernel/slab.ts';
import { Bench, type Fields } from './slab-writer.ts';

const ID = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';
const INSIDE = `/docker/${ID}`;
const shell = {
  tgid: 100,
  tid: 100,
  ppid: 1,
  start: 50,
  exec_id: 3,
  comm: 'sh',
  exe_path: '/bin/sh',
  cwd: '/',
  cgroup: 1,
};
const outside = { ...shell, cgroup_path: '/user.slice' };
const open: Fields = { ...shell, kind: 'open', nr: 257, ret: 3, dirfd: -100, raw: '/a', base: '/' };

const containers = (slab: KernelSlab) =>
  Array.from({ length: slab.length }, (_, index) => (slab.at(index) as KernelEvent).get('container.id'));

function benchOf(paths: Readonly<Record<number, string>>) {
  const asked: number[] = [];
  const cgroupPath = (tgid: number) => {
    asked.push(tgid);
    return paths[tgid];
  };
  return { bench: new Bench({ cgroupPath }).load(outside), asked };
}

describe('A process in another cgroup than before', () => {
  it('is where /proc says, asked once', () => {
    const { bench, asked } = benchOf({ 100: INSIDE });
    const moved = { ...open, cgroup: 2 };
    expect(containers(bench.slab(open, moved, moved))).toEqual(['host', '3ad7b26ded6d', '3ad7b26ded6d']);
    expect(asked).toEqual([100]);
  });

  it('is where the record of its move says, and /proc is not asked', () => {
    const { bench, asked } = benchOf({});
    const moved: Fields = { ...shell, kind: 'cgroup', cgroup: 2, cgroup_path: INSIDE };
    const back: Fields = { ...shell, kind: 'cgroup', cgroup_path: '/user.slice' };
    const slab = bench.slab(open, moved, { ...open, cgroup: 2 }, back, open);
    expect(containers(slab)).toEqual(['host', '3ad7b26ded6d', '3ad7b26ded6d', 'host', 'host']);
    expect(asked).toEqual([]);
  });

  it('of a v1 hierarchy alone is there, though the v2 cgroup is the same', () => {
    const { bench } = benchOf({});
    const moved: Fields = { ...shell, kind: 'cgroup', cgroup_path: INSIDE };
    const other = { ...shell, tgid: 200, tid: 200, start: 60 };
    bench.load({ ...other, cgroup_path: '/user.slice' });
    expect(containers(bench.slab(moved, open, { ...open, ...other, kind: 'open' }))).toEqual([
      '3ad7b26ded6d',
      '3ad7b26ded6d',
      'host',
    ]);
  });

  it('that several paths share is asked for', () => {
    const { bench, asked } = benchOf({ 100: INSIDE });
    const other = { ...shell, tgid: 200, tid: 200, start: 60, cgroup: 2 };
    bench.load({ ...other, cgroup_path: '/user.slice' });
    const moved: Fields = { ...other, kind: 'cgroup', cgroup_path: '/system.slice' };
    expect(containers(bench.slab(moved, { ...open, cgroup: 2 }))).toEqual(['host', '3ad7b26ded6d']);
    expect(asked).toEqual([100]);
  });

  it('is where another process in that cgroup is known to be', () => {
    const { bench, asked } = benchOf({});
    const other = { tgid: 200, tid: 200, ppid: 1, start: 60, exec_id: 9, comm: 'x', cgroup: 2, cgroup_path: INSIDE };
    bench.load(other);
    expect(containers(bench.slab({ ...open, cgroup: 2 }, open))).toEqual(['3ad7b26ded6d', 'host']);
    expect(asked).toEqual([]);
  });

  it('may be forked into it', () => {
    const { bench } = benchOf({ 101: INSIDE });
    const fork: Fields = {
      ...shell,
      kind: 'fork',
      tgid: 101,
      tid: 101,
      ppid: 100,
      start: 70,
      cgroup: 2,
      parent_tgid: 100,
      parent_tid: 100,
      parent_start: 50,
      parent_exec_id: 3,
      vpid: 1,
    };
    const child: Fields = { ...open, tgid: 101, tid: 101, ppid: 100, start: 70, cgroup: 2 };
    expect(containers(bench.slab(fork, child, open))).toEqual(['3ad7b26ded6d', '3ad7b26ded6d', 'host']);
  });

  it('that is gone stays where it was, and is not asked for again', () => {
    const { bench, asked } = benchOf({});
    const moved = { ...open, cgroup: 2 };
    expect(containers(bench.slab(moved, moved))).toEqual(['host', 'host']);
    expect(asked).toEqual([100]);
  });

  it('is not where one of its threads is', () => {
    const { bench, asked } = benchOf({ 100: INSIDE });
    const thread = { ...open, tid: 105, cgroup: 2 };
    expect(containers(bench.slab(thread, open))).toEqual(['host', 'host']);
    expect(asked).toEqual([]);
  });

  it('costs no more than so many looks a batch', () => {
    const paths: Record<number, string> = {};
    const { bench, asked } = benchOf(paths);
    const events: Fields[] = [];
    for (let pid = 1000; pid < 1100; pid++) {
      const process = { ...shell, tgid: pid, tid: pid, start: pid };
      bench.load({ ...process, cgroup_path: '/user.slice' });
      paths[pid] = `/docker/${pid.toString(16).padStart(64, '0')}`;
      events.push({ ...open, ...process, kind: 'open', cgroup: pid });
    }
    const known = (slab: KernelSlab) => containers(slab).filter((id) => id !== 'host').length;
    expect(known(bench.slab(...events))).toBe(32);
    expect(asked).toHaveLength(32);
    expect(known(bench.slab(...events))).toBe(64);
  });
});
