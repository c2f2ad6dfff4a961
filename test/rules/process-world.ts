/** Processes and files in which everything happens that verdicts could depend on, as records of the kernel programs. */

import type { Fields } from '../events-kernel/slab-writer.ts';

export interface Step {
  readonly op:
    | 'fork'
    | 'exec'
    | 'exit'
    | 'chdir'
    | 'rename'
    | 'setuid'
    | 'setgid'
    | 'login'
    | 'capset'
    | 'open'
    | 'call'
    | 'cut';
  readonly pick: number;
  readonly how: number;
}

interface Process {
  tgid: number;
  start: number;
  execId: number;
  parent: Process | undefined;
  comm: string;
  imageComm: string;
  exe: string;
  cwd: string;
  euid: number;
  egid: number;
  loginuid: number;
  capabilities: number;
  tty: number;
}

/** Few of each, so that ids are reused and names come again. */
const IDS = [10, 11, 12, 13, 14, 15];
const NAMES = ['sh', 'cat', 'vim', 'sshd'];
const PATHS = [
  '/etc/passwd',
  '/etc/shadow',
  '/etc/../tmp/x',
  '/tmp/x',
  '/bin/sh',
  'x',
  'etc/passwd',
  `/long${'/directory'.repeat(30)}/x`,
];
const FLAGS = [0, 0o1, 0o2, 0o101, 0o200000, 0o20200002];
const PTRACE = 101;
const CHDIR = 80;

const changes: Readonly<Partial<Record<Step['op'], (process: Process, how: number) => void>>> = {
  rename: (process, how) => {
    process.comm = choose(NAMES, how);
  },
  setuid: (process, how) => {
    process.euid = how % 3;
  },
  setgid: (process, how) => {
    process.egid = how % 3;
  },
  login: (process, how) => {
    process.loginuid = how % 3;
  },
  capset: (process, how) => {
    process.capabilities = how % 8;
  },
};

const choose = <T>(from: readonly T[], how: number) => from[how % from.length] as T;

/** Processes as the kernel sees them: what happens to them, as records. */
export class World {
  #processes: Process[] = [
    {
      tgid: 1,
      start: 1,
      execId: 1,
      parent: undefined,
      comm: 'init',
      imageComm: 'init',
      exe: '/init',
      cwd: '/',
      euid: 0,
      egid: 0,
      loginuid: 0,
      capabilities: 7,
      tty: 0,
    },
  ];
  #time = 10;
  readonly records: Fields[] = [];

  running(): Omit<Fields, 'kind'>[] {
    return this.#processes.map((process) => ({ ...this.#identity(process), ...this.#image(process) }));
  }

  step({ op, pick, how }: Step): void {
    const process = choose(this.#processes, pick);
    this.#time++;
    if (op === 'fork') this.#fork(process);
    else if (op === 'exec') this.#exec(process, choose(NAMES, how), how);
    else if (op === 'exit') this.#exit(process);
    else if (op === 'chdir') this.#chdir(process, how % 2 ? '/' : `/d${how % 3}`);
    else if (op === 'call') this.#put(process, { kind: 'call', nr: PTRACE, fd: -1, ret: how % 2 ? 0 : -1 });
    else {
      // Only its next call tells of a change that no record is about.
      changes[op]?.(process, how);
      this.#open(process, how);
    }
  }

  #chdir(process: Process, cwd: string): void {
    process.cwd = cwd;
    this.#put(process, { kind: 'chdir', nr: CHDIR, cwd });
  }

  #fork(parent: Process): void {
    const tgid = IDS.find((id) => this.#processes.every((process) => process.tgid !== id));
    if (tgid === undefined) return;
    const child = { ...parent, tgid, start: this.#time, parent, imageComm: parent.comm };
    this.#processes.push(child);
    const of = { parent_tgid: parent.tgid, parent_start: parent.start, parent_exec_id: parent.execId };
    this.#put(child, { kind: 'fork', ...of, vpid: tgid, vtid: tgid });
  }

  #exec(process: Process, name: string, how: number): void {
    Object.assign(process, {
      execId: process.execId + 1,
      comm: name,
      imageComm: name,
      exe: `/bin/${name}`,
      tty: how % 2,
    });
    this.#put(process, { kind: 'exec', ...this.#image(process) });
  }

  #exit(process: Process): void {
    const init = this.#processes[0] as Process;
    if (process === init) return;
    this.#put(process, { kind: 'exit', reaper: 1 });
    this.#processes = this.#processes.filter((other) => other !== process);
    for (const other of this.#processes) if (other.parent === process) other.parent = init;
  }

  #open(process: Process, how: number): void {
    const raw = choose(PATHS, how);
    const ret = how % 5 === 0 ? -2 : 3 + (how % 4);
    const real = ret < 0 ? '' : how % 3 ? raw : '/etc/shadow';
    const base = raw.startsWith('/') ? '' : process.cwd;
    const flags = how % 11 === 0 ? (['path_outside'] as const) : how % 13 === 0 ? (['unread'] as const) : [];
    this.#put(process, {
      kind: 'open',
      nr: choose([2, 257, 257, 257, 85], how),
      ret,
      dirfd: -100,
      raw,
      base,
      real,
      flags,
      open_flags: choose(FLAGS, how >> 2),
      mode: how % 7 ? 0 : 0o755,
      created: how % 9 === 0 ? 1 : 0,
    });
  }

  #identity({ tgid, start, execId, parent, comm, euid, egid, loginuid, capabilities }: Process) {
    const ids = { euid, egid, loginuid, cap_effective: capabilities };
    return { tgid, tid: tgid, ppid: parent?.tgid ?? 0, start, exec_id: execId, comm, ...ids };
  }

  #image({ imageComm, exe, cwd, tty }: Process) {
    return { args: [imageComm, '-x'], exe_path: exe, cwd, tty };
  }

  #put(process: Process, fields: Fields): void {
    this.records.push({ time: this.#time, ...this.#identity(process), ...fields });
  }
}
