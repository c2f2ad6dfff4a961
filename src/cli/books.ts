/** The books of a run as one line for people. */

import type { Summary } from '../pipeline/totals.ts';

/** What came in and what became of it; of what was lost also why, and what is not settled where something is. */
export function books(summary: Summary): string {
  const { seen, delivered, filtered, dropped, spooled = 0, dead_lettered: dead = 0, in_flight, reasons } = summary;
  const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`);
  return [
    `seen ${seen}`,
    `delivered ${delivered}`,
    `filtered ${filtered}`,
    `dropped ${dropped}${why.length > 0 ? ` (${why.join(', ')})` : ''}`,
    ...(spooled > 0 ? [`spooled ${spooled}`] : []),
    ...(dead > 0 ? [`dead letters ${dead}`] : []),
    ...(in_flight > 0 ? [`in flight ${in_flight}`] : []),
  ].join(', ');
}
