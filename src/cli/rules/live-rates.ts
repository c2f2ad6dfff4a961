/** What a running program has counted of its sources, as rates. */

import { resolve } from 'node:path';
import type { Plan } from '../../pipeline/plan/planned.ts';
import { controlFor, type ProgramStatus } from '../control.ts';

/** Events a second since a program was ready. */
export interface Rate {
  readonly sent: number;
  readonly filtered: number;
  readonly lost: number;
}

/** What a running program has counted of a source, by the names of its counters: calls, fork, exec, exit, cgroup, scan. */
export interface Live {
  readonly pid: number;
  /** Whether it runs what the file says now. */
  readonly current: boolean;
  rates(source: string): ReadonlyMap<string, Rate>;
}

/** Asks the program that runs a pipeline. Throws a UserError when none does. */
export async function liveOf(pipeline: string, { digest }: Plan): Promise<Live> {
  const { status } = await controlFor(pipeline, resolve);
  return { pid: status.pid, current: status.digest === digest, rates: (source) => ratesOf(status, source) };
}

function ratesOf({ uptime, components }: ProgramStatus, source: string): Map<string, Rate> {
  const counters = components.find(({ id }) => id === source)?.counters ?? {};
  const seconds = Math.max(uptime, 1);
  const of = (counter: string) => counters[`kernel_${counter}`] as Record<string, number> | undefined;
  const rate = (name: string, ...names: string[]) =>
    names.reduce((sum, each) => sum + (of(each)?.[name] ?? 0), 0) / seconds;
  const names = new Set(['sent', 'filtered', 'dropped', 'refused'].flatMap((each) => Object.keys(of(each) ?? {})));
  return new Map(
    [...names].map((name) => [
      name,
      { sent: rate(name, 'sent'), filtered: rate(name, 'filtered'), lost: rate(name, 'dropped', 'refused') },
    ]),
  );
}
