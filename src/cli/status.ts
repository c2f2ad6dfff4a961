/** `falco-pipe status`: what a running program says of itself. */

import { resolve } from 'node:path';
import { counted } from '../core/counted.ts';
import { exitCode } from '../core/errors.ts';
import { visibleLine } from '../core/visible.ts';
import { books } from './books.ts';
import { controlFor, type ProgramStatus } from './control.ts';
import { say } from './say.ts';

/** Prints the status of the program that runs a pipeline; exit status 1 when it is not ready. */
export async function status(name: string | undefined, options: { output: string }): Promise<void> {
  const { status } = await controlFor(name, resolve);
  say(options.output === 'json' ? `${JSON.stringify(status)}\n` : statusText(status));
  if (!status.ready) process.exitCode = exitCode.failure;
}

/** The status as people read it. */
export function statusText(status: ProgramStatus): string {
  const { pid, pipeline, digest, uptime, totals, reloads, problems, ready, components } = status;
  const lines = [
    `${pipeline} (pid ${pid}): ${ready ? 'ready' : 'not ready'}, up ${duration(uptime)}`,
    `pipeline sha256:${digest}; reloaded ${counted(reloads.done, 'time')}, refused ${counted(reloads.failed, 'time')}`,
    books(totals),
    ...problems.map((problem) => `problem: ${visibleLine(problem)}`),
    '',
    ...componentTable(components),
  ];
  return `${lines.join('\n')}\n`;
}

/** Components as lines in columns: in, out, lost, in dead letters, waiting, still to be read where its service tells, errors; rates when an earlier status is given. */
export function componentTable(
  components: ProgramStatus['components'],
  rate?: (id: string, value: (component: ProgramStatus['components'][number]) => number) => number,
): string[] {
  const head = [
    'COMPONENT',
    'TYPE',
    'IN',
    'OUT',
    'DROPPED',
    'DEAD',
    'WAITING',
    'LAG',
    'ERRORS',
    ...(rate ? ['IN/S', 'OUT/S'] : []),
  ];
  const rows = components.map((component) => {
    const { id, type, queue, in_flight } = component;
    const waiting = queue ? queue.events + queue.on_disk : (in_flight ?? 0);
    const counts = [
      taken(component),
      given(component),
      count(component, 'dropped'),
      component.dead_letters ?? 0,
      waiting,
      count(component, 'lag'),
      count(component, 'errors'),
    ];
    const rates = rate ? [rate(id, taken), rate(id, given)].map((each) => each.toFixed(0)) : [];
    return [id, type, ...counts.map(String), ...rates];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}

type Component = ProgramStatus['components'][number];

/** The sum of a counter over its labels. */
function count({ counters }: Component, name: string): number {
  const value = counters[name] ?? 0;
  return typeof value === 'number' ? value : Object.values(value).reduce((sum, each) => sum + each, 0);
}

function taken(component: Component): number {
  if (component.kind !== 'sink') return count(component, 'received');
  // What waits on disk, also from earlier runs, is for this one to deliver.
  const waiting = component.queue ? component.queue.events + component.queue.on_disk : 0;
  return count(component, 'delivered') + count(component, 'dropped') + count(component, 'dead_lettered') + waiting;
}

function given(component: Component): number {
  if (component.kind === 'source') return count(component, 'received');
  return count(component, component.kind === 'sink' ? 'delivered' : 'sent');
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  return [days ? `${days}d` : '', hours ? `${hours}h` : '', minutes ? `${minutes}m` : '', `${seconds % 60}s`].join('');
}
