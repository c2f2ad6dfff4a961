/**
 * What rules/aws.yaml finds in labelled CloudTrail records: `node bench/detections/cloudtrail.ts`. Printed are, for each
 * rule, alerts on records of attacks and on others; the techniques that no alert names; and what is left unexplained.
 */

import { judgeCloudTrail } from '../../test/rules-shipped/cloudtrail-labels.ts';
import { hasLabels } from '../../test/rules-shipped/labels.ts';
import { printFindings } from './shared.ts';

if (hasLabels) {
  const { judge, techniques, missed, quiet, noise } = judgeCloudTrail();
  printFindings(judge);
  console.log(`techniques named by an alert: ${techniques.length - missed.length} of ${techniques.length}`);
  console.log(`  not: ${missed.join(', ') || 'none'}`);
  console.log(`alerts on ${quiet} records that nothing explains: ${noise.length}`);
  for (const line of noise) console.log(`  ${line}`);
}
