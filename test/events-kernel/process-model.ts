/** Processes as simple as they can be: what the image table is held against. */

import type { Fields } from './slab-writer.ts';

export interface Step {
  readonly op: 'fork' | 'exec' | 'exit' | 'chdir' | 'setuid' | 'open' | 'cut';
  /** Which process it happens to. */
  readonly pick: number;
}

interface Process {
  tgid: number;
  start: number;
  execId: number;
  parent: Process | undefined;
  comm: string;
  args: readonly string[];
  exe: string;
  cwd: string;
  euid: number;
}

/** Few ids, so that they are reused soon. */
const IDS = [10, 11, 12, 13, 14, 15, 16, 17];

export class Model {
  #processes: Process[] = [
    { tgid: 1, start: 1, execId: 1, parent: undefined, comm: 'init', args: ['init'], exe: '/init', cwd: '/', euid: 0 },
  ];
  #time = 10;
  #names = 0;
  #records: Fields[] = [];
  #expected: Record<string, unknown>[] = [];

  /** The running processes as a scan tells them. */
  running(): (Omit<Fields, 'kind'> & { tgid: number })[] {
    return this.#processes.map((process) => ({ ...this.#identity(process), ...this.#image(process) }));
  }

  /** The records since the last call, and how each should read. */
  take(): { records: Fields[]; expected: Record<string, unknown>[] } {
    const taken = { records: this.#records, expected: this.#expected };
    [this.#records, this.#expected] = [[], []];
    return taken;
  }

  step({ op, pick }: Step): void {
    const process = this.#processes[pick % this.#processes.length] as Process;
    this.#time++;
    if (op === 'fork') this.#fork(process);
    else if (op === 'exec') this.#exec(process);
    else if (op === 'exit') this.#exit(process);
    else if (op === 'chdir') this.#chdir(process);
    else if (op === 'setuid') process.euid++;
    else this.#put(process, { kind: 'open', nr: 257, ret: 3, dirfd: -100, raw: 'file', base: process.cwd });
  }

  #fork(parent: Process): void {
    const tgid = IDS.find((id) => this.#processes.every((process) => process.tgid !== id));
    if (tgid === undefined) return;
    const child = { ...parent, tgid, start: this.#time, parent };
    this.#processes.push(child);
    this.#put(child, {
      kind: 'fork',
      parent_tgid: parent.tgid,
      parent_start: parent.start,
      parent_exec_id: parent.execId,
      vpid: tgid,
      vtid: tgid,
    });
  }

  #exec(process: Process): void {
    const name = `p${this.#names++}`;
    Object.assign(process, { execId: process.execId + 1, comm: name, args: [name, 'x'], exe: `/bin/${name}` });
    this.#put(process, { kind: 'exec', ...this.#image(process) });
  }

  #exit(process: Process): void {
    const init = this.#processes[0] as Process;
    if (process === init) return;
    this.#put(process, { kind: 'exit', reaper: 1 });
    this.#processes = this.#processes.filter((other) => other !== process);
    for (const other of this.#processes) if (other.parent === process) other.parent = init;
  }

  #chdir(process: Process): void {
    process.cwd = `/d${this.#names++}`;
    this.#put(process, { kind: 'chdir', nr: 80, cwd: process.cwd });
  }

  #identity(process: Process) {
    const { tgid, start, execId, parent, comm, euid } = process;
    return { tgid, tid: tgid, ppid: parent?.tgid ?? 0, start, exec_id: execId, comm, euid };
  }

  #image({ args, exe, cwd }: Process) {
    return { args, exe_path: exe, cwd };
  }

  #put(process: Process, fields: Fields): void {
    this.#records.push({ time: this.#time, ...this.#identity(process), ...fields });
    const ancestors: string[] = [];
    for (let next = process.parent; next; next = next.parent) ancestors.push(next.comm);
    const types = { fork: 'clone', exec: 'execve', exit: 'procexit', chdir: 'chdir', open: 'openat' } as Record<
      string,
      string
    >;
    this.#expected.push({
      'evt.type': types[fields.kind],
      'proc.exepath': process.exe,
      'proc.cmdline': [process.comm, ...process.args.slice(1)].join(' '),
      'proc.cwd': process.cwd === '/' ? '/' : `${process.cwd}/`,
      'proc.ppid': process.parent?.tgid ?? 0,
      'proc.pname': ancestors[0],
      'proc.aname': ancestors.length > 0 ? ancestors : undefined,
      'user.uid': process.euid,
      'fd.name': fields.kind === 'open' ? (process.cwd === '/' ? '/file' : `${process.cwd}/file`) : undefined,
    });
  }
}
