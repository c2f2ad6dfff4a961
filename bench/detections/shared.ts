/** Prints what rules have found. */

import type { Judge } from '../../test/rules-shipped/labels.ts';

/** A line a rule, and the alerts on records that are called harmless. */
export function printFindings({ counts, harmless }: Judge): void {
  console.log(`${'rule'.padEnd(58)} attacks  harmless  unexplained`);
  for (const [name, { attacks, harmless: called, unexplained }] of counts) {
    const cells = [String(attacks).padStart(7), String(called).padStart(9), String(unexplained).padStart(12)];
    console.log(`${name.padEnd(58)} ${cells.join(' ')}`);
  }
  console.log(`\nalerts on records that are called harmless: ${harmless.length}`);
  for (const line of harmless) console.log(`  ${line}`);
}
