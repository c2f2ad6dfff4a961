/** Turns Falco's state cases (inputs and the values that its engine gave) into records of ours. */

import type { Fields } from './slab-writer.ts';

// biome-ignore lint/suspicious/noExplicitAny: foreign data, whose values are of many types
type Loose = any;

export interface StateEvent {
  readonly type: string;
  readonly tid: number;
  readonly ts: number;
  readonly params: Readonly<Record<string, Loose>>;
  readonly expect: Readonly<Record<string, unknown>> | string;
}

export interface StateCases {
  readonly initial: {
    readonly users: readonly [number, number, string, string, string][];
    readonly groups: readonly [number, string][];
    readonly procs: readonly Readonly<Record<string, Loose>>[];
  };
  readonly cases: readonly { readonly id: string; readonly events: readonly StateEvent[] }[];
}

const BOOT = 1_700_000_000_000_000_000n;

interface Known {
  identity: Record<string, unknown>;
  data: Record<string, unknown>;
  cwd: string;
}

const text = (list: readonly string[] = []) => list.join('').replace(/^[^=]*=/, '');
const total = (list: readonly string[]) => list.reduce((sum, one) => sum + Buffer.byteLength(one) + 1, 0);

/** Falco's open flags in Linux's numbers. */
function linuxFlags(falco: number): number {
  const bits: readonly [number, number][] = [
    [4, 0o100],
    [256, 0o1000],
    [8, 0o2000],
    [1024, 0o200000],
    [4096, 0o2000000],
    [8192, 0o20200000],
  ];
  const mode = (falco & 3) === 3 ? 2 : (falco & 3) === 2 ? 1 : 0;
  return bits.reduce((flags, [from, to]) => ((falco & from) !== 0 ? flags | to : flags), mode);
}

export class Translator {
  readonly #known = new Map<number, Known>();
  /** When the parent's side of a clone was seen: that is when the child starts. */
  readonly #births = new Map<number, bigint>();

  /** Scan records of what already runs. */
  running(initial: StateCases['initial']): Omit<Fields, 'kind'>[] {
    return initial.procs.map((proc) => {
      const identity = {
        tgid: proc.pid,
        tid: proc.tid,
        ppid: proc.ptid,
        start: proc.pid,
        exec_id: 1,
        comm: proc.comm,
        uid: proc.uid ?? 0,
        euid: proc.uid ?? 0,
        egid: proc.gid ?? 0,
        loginuid: proc.loginuid ?? 0xffffffff,
        cap_effective: proc.caps ?? 0,
      };
      const data = {
        vpid: proc.pid,
        sid: proc.sid,
        pgid: proc.pgid,
        vpgid: proc.vpgid,
        tty: proc.tty ?? 0,
        args: [proc.exe, ...(proc.args ?? [])],
        env: proc.env ?? [],
        env_total: total(proc.env ?? []),
        exe_path: proc.exepath,
        cwd: (proc.cwd ?? '/').replace(/(.)\/$/, '$1'),
        cgroup_path: text(proc.cgroups),
        exe_ino: proc.ino ?? 0,
        exe_ctime: proc.ctime ?? 0,
        exe_mtime: proc.mtime ?? 0,
        cap_permitted: proc.caps ?? 0,
        cap_inheritable: proc.caps ?? 0,
      };
      this.#known.set(proc.pid, { identity, data, cwd: data.cwd });
      return { ...identity, ...data };
    });
  }

  /** The record for an event; undefined for one that our kernel programs do not send. */
  record(event: StateEvent): Fields | undefined {
    const { type, params: p } = event;
    const time = BigInt(event.ts) - BOOT;
    if (type.includes('_CLONE_')) {
      if (p.res === 0) return this.#fork(p, time);
      this.#births.set(p.res, time);
      return undefined;
    }
    if (type.includes('_EXECVE_')) return this.#exec(p, time);
    const known = this.#known.get(event.tid);
    if (known === undefined) return undefined;
    const base = { ...known.identity, time };
    if (type.includes('_OPENAT_2_X') || type.includes('_OPEN_X') || type.includes('_CREAT_X')) {
      const nr = type.includes('AT') && !type.includes('CREAT') ? 257 : type.includes('CREAT') ? 85 : 2;
      return {
        ...base,
        kind: 'open',
        nr,
        ret: p.fd,
        dirfd: p.dirfd ?? -100,
        raw: p.name,
        open_flags: linuxFlags(p.flags ?? 0),
        mode: p.mode,
        dev: p.dev,
        ino: p.ino,
        created: (p.flags & 16384) !== 0 ? 1 : 0,
        base: p.dirfd === 66 ? '' : p.dirfd === 6 ? '/etc' : known.cwd,
      } as unknown as Fields;
    }
    if (type.includes('_CONNECT_')) return { ...base, ...socketOf(p) } as unknown as Fields;
    if (type.includes('PROCEXIT')) {
      for (const { identity } of this.#known.values()) if (identity.ppid === event.tid) identity.ppid = p.reaper_tid;
      return { ...base, kind: 'exit', exit_code: p.status, reaper: p.reaper_tid } as unknown as Fields;
    }
    return undefined;
  }

  #fork(p: StateEvent['params'], time: bigint): Fields {
    const parent = this.#known.get(p.ptid) as Known;
    const identity: Record<string, unknown> = {
      ...parent.identity,
      tgid: p.pid,
      tid: p.tid,
      ppid: p.ptid,
      start: this.#births.get(p.pid) ?? time,
      comm: p.comm,
      euid: p.uid,
      egid: p.gid,
      uid: p.uid,
    };
    this.#known.set(p.pid, { ...parent, identity });
    return {
      ...identity,
      kind: 'fork',
      time,
      parent_tgid: p.ptid,
      parent_start: parent.identity.start,
      parent_exec_id: parent.identity.exec_id,
      vpid: p.vpid,
      vtid: p.vtid,
      clone_flags: 0,
      pidns_start: p.pidns_init_start_ts,
    } as unknown as Fields;
  }

  #exec(p: StateEvent['params'], time: bigint): Fields {
    const known = this.#known.get(p.tid) as Known;
    if (p.res < 0)
      return {
        ...known.identity,
        kind: 'call',
        time,
        nr: 59,
        ret: p.res,
        raw: p.filename,
        base: known.cwd,
      } as unknown as Fields;
    const identity = {
      ...known.identity,
      exec_id: Number(known.identity.exec_id) + 1,
      comm: p.comm,
      euid: p.uid,
      egid: p.gid,
      loginuid: p.loginuid,
      cap_effective: p.cap_effective,
    };
    const data = {
      vpid: p.vpgid === 1 ? 1 : p.pid,
      sid: known.data.sid,
      pgid: p.pgid,
      vpgid: p.vpgid,
      tty: p.tty,
      args: [p.exe, ...p.args],
      env: p.env,
      env_total: total(p.env),
      exe_path: p.trusted_exepath.replace(/ \(deleted\)$/, ''),
      cwd: known.cwd,
      cgroup_path: text(p.cgroups),
      exe_ino: p.exe_ino,
      exe_ctime: p.exe_ino_ctime,
      exe_mtime: p.exe_ino_mtime,
      exe_flags: p.flags,
      filename: p.filename,
      cap_permitted: p.cap_permitted,
      cap_inheritable: p.cap_inheritable,
      pidns_start: p.vpgid === 1 ? 90_000_000_000 : 0,
    };
    this.#known.set(p.tid, { identity, data, cwd: known.cwd });
    return { ...identity, ...data, kind: 'exec', time } as unknown as Fields;
  }
}

function socketOf(p: StateEvent['params']): Record<string, unknown> {
  const { tuple, addr } = p;
  const asked =
    addr.path === undefined
      ? { addr_family: addr.ip.includes(':') ? 10 : 2, addr: bytes(addr.ip), addr_port: addr.port }
      : { addr_family: 1 };
  const common = { kind: 'socket', nr: 42, ret: p.res, fd: p.fd, unix_path: addr.path ?? '', sock_type: 1, ...asked };
  if (tuple?.path !== undefined)
    return { ...common, family: 1, sock: BigInt('0xffff888000000001'), peer: BigInt('0xffff888000000002') };
  const family = addr.ip.includes(':') ? 10 : 2;
  if (!tuple) return { ...common, family, protocol: 6 };
  return {
    ...common,
    family,
    protocol: 6,
    local_addr: bytes(tuple.sip),
    local_port: tuple.sport,
    remote_addr: bytes(tuple.dip),
    remote_port: tuple.dport,
  };
}

function bytes(ip: string): number[] {
  const v4 = (part: string) => part.split('.').map(Number);
  if (!ip.includes(':')) return v4(ip);
  if (ip.includes('.')) return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...v4(ip.slice(ip.lastIndexOf(':') + 1))];
  const [head = '', tail = ''] = ip.split('::');
  const groups = (part: string) =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...Array(8 - before.length - after.length).fill(0), ...after];
  return all.flatMap((group) => [group >> 8, group & 255]);
}
