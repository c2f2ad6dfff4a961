/**
 * What rules/aws.yaml finds in labelled CloudTrail records: `node bench/detections/cloudtrail.ts`. Printed are, for each
 * rule, alerts on records of attacks and on others; the techniques that no alert names; and what is left unexplained.
 */

import { hasLabels, judgeLabels } from '../../test/rules-shipped/cloudtrail-labels.ts';

if (hasLabels) report();
else console.log('skipped: no labelled records (../shared/data/cloud/cloudtrail)');

function report(): void {
  const { counts, techniques, missed, quiet, noise, harmless } = judgeLabels();
  console.log(`${'rule'.padEnd(58)} attacks  harmless  unexplained`);
  for (const [name, { attacks, harmless: called, unexplained }] of counts) {
    const cells = [String(attacks).padStart(7), String(called).padStart(9), String(unexplained).padStart(12)];
    console.log(`${name.padEnd(58)} ${cells.join(' ')}`);
  }
  console.log(`\nalerts on records that are called harmless: ${harmless.length}`);
  for (const line of harmless) console.log(`  ${line}`);
  console.log(`techniques named by an alert: ${techniques.length - missed.length} of ${techniques.length}`);
  console.log(`  not: ${missed.join(', ') || 'none'}`);
  console.log(`alerts on ${quiet} records that nothing explains: ${noise.length}`);
  for (const line of noise) console.log(`  ${line}`);
}
