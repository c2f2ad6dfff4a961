/** What a run has to tell of itself, as lines for people. */

import { counted } from '../core/counted.ts';
import type { Logger } from '../core/log.ts';
import type { Plan } from '../pipeline/plan/planned.ts';
import type { Summary } from '../pipeline/run/totals.ts';

/** What came in and what became of it; of what was lost also why, and what is not settled where something is. */
export function books(summary: Summary): string {
  const {
    seen,
    delivered,
    filtered,
    dropped,
    spooled = 0,
    delivered_from_disk: late = 0,
    on_disk: waiting,
    dead_lettered: dead = 0,
    in_flight,
    to_replay: left = 0,
    reasons,
  } = summary;
  const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`);
  return [
    `seen ${seen}`,
    `delivered ${delivered}`,
    `filtered ${filtered}`,
    `dropped ${dropped}${why.length > 0 ? ` (${why.join(', ')})` : ''}`,
    ...(spooled > 0 ? [`spooled ${spooled}`] : []),
    ...(late > 0 ? [`delivered from disk ${late}`] : []),
    ...(waiting === undefined ? [] : [`on disk ${waiting}`]),
    ...(dead > 0 ? [`dead letters ${dead}`] : []),
    ...(in_flight > 0 ? [`in flight ${in_flight}`] : []),
    ...(left > 0 ? [`left to be replayed ${left}`] : []),
  ].join(', ');
}

/** Rules of a plan that are enabled. */
export function rulesOf(plan: Plan): number {
  return plan.operators.reduce((sum, { notes }) => sum + Number(notes.rules ?? 0), 0);
}

/** Says that there are warnings about a plan, loaded with these `--set`, where those of the one before were others. */
export function sayWarnings(log: Logger, sets: readonly string[], { name, warnings }: Plan, before?: Plan): void {
  const isSaid = JSON.stringify(warnings) === JSON.stringify(before?.warnings ?? []);
  if (!isSaid && warnings.length > 0) {
    const words = ['falco-pipe', 'validate', name, ...sets.flatMap((set) => ['--set', set])].map(quoted);
    log.warn(`${counted(warnings.length, 'warning')} about ${name}, printed by: ${words.join(' ')}`);
  }
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
