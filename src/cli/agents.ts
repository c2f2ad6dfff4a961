/** The falco-pipes of this machine as `doctor` shows them: what each has lost, what is behind, and its programs in the kernel. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { measurePrograms, type RunningProgram } from '../../native/index.ts';
import { visibleLine } from '../core/visible.ts';
import { books } from './books.ts';
import { controls, type ProgramStatus } from './control.ts';

export interface Agent {
  /** Absent where it could not be told whose the programs are. */
  readonly pid?: number;
  /** What it says of itself; absent where it does not answer us. */
  readonly status?: ProgramStatus;
  readonly programs: readonly RunningProgram[];
}

/** Looks for so many ms at what runs here: without the right to see programs, at those alone that answer. */
export async function agents(milliseconds: number): Promise<readonly Agent[]> {
  const statuses = (await controls()).map(({ status }) => status);
  const programs = measured(milliseconds);
  const owners = ownersOf(new Set(programs.map(({ id }) => id)));
  const pids = new Set([...statuses.map(({ pid }) => pid), ...owners.values()]);
  const known = [...pids].map((pid): Agent => {
    const status = statuses.find((each) => each.pid === pid);
    return { pid, ...(status ? { status } : {}), programs: programs.filter(({ id }) => owners.get(id) === pid) };
  });
  const others = programs.filter(({ id }) => !owners.has(id));
  return others.length > 0 ? [...known, { programs: others }] : known;
}

/** One agent, a line for each thing that somebody on call wants to know. */
export function agentLines({ pid, status, programs }: Agent, milliseconds: number): string[] {
  const whose = pid === undefined ? 'of a process that cannot be seen' : `pid ${pid}`;
  const head = status ? `pid ${status.pid}, ${status.pipeline}: ${status.ready ? 'ready' : 'not ready'}` : whose;
  const said = status
    ? [books(status.totals), ...status.problems.map((problem) => `problem: ${visibleLine(problem)}`), ...behind(status)]
    : [];
  return [
    `agent ${head}`,
    ...said.map((line) => `      ${line}`),
    ...programs.map((program) => programLine(program, milliseconds)),
  ];
}

function behind({ components }: ProgramStatus): string[] {
  return components.flatMap(({ id, queue }) => {
    const waiting = queue ? queue.events + queue.on_disk : 0;
    return waiting > 0 ? [`behind: ${waiting} events wait for ${id}`] : [];
  });
}

/** One program: runs and their price while it was measured. */
function programLine({ name, instructions, runs, runNs, missed }: RunningProgram, milliseconds: number): string {
  const each = runs > 0 ? `${Math.round(runNs / runs)} ns each, ` : '';
  const share = ((runNs / (milliseconds * 1e6)) * 100).toFixed(2);
  const skipped = missed > 0 ? `, skipped ${missed} times` : '';
  const found = `${runs} runs in ${milliseconds} ms, ${each}${share} % of a CPU; ${instructions} instructions verified${skipped}`;
  return `runs  ${name.padEnd(22)} ${found}`;
}

/** Programs of ours in the kernel; none when no falco-pipe traces, or we may not look. */
function measured(milliseconds: number): readonly RunningProgram[] {
  try {
    return measurePrograms(milliseconds);
  } catch {
    return [];
  }
}

/** The processes that hold programs, by the program's number: what links to it says proc_pid_fdinfo(5). */
function ownersOf(programs: ReadonlySet<number>): ReadonlyMap<number, number> {
  const owners = new Map<number, number>();
  if (programs.size === 0) return owners;
  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const program = programOf(`/proc/${pid}`, fd);
      if (program !== undefined && programs.has(program)) owners.set(program, Number(pid));
    }
  }
  return owners;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function programOf(process: string, fd: string): number | undefined {
  try {
    if (!readlinkSync(`${process}/fd/${fd}`).startsWith('anon_inode:bpf')) return undefined;
    const [, id] = /^prog_id:\s*(\d+)/m.exec(readFileSync(`${process}/fdinfo/${fd}`, 'utf8')) ?? [];
    return id === undefined ? undefined : Number(id);
  } catch {
    return undefined;
  }
}
