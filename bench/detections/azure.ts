/** What rules/azure.yaml finds in labelled records of Azure and Entra ID: `node bench/detections/azure.ts`. */

import { judgeAzure } from '../../test/rules-shipped/azure-labels.ts';
import { hasLabels } from '../../test/rules-shipped/labels.ts';
import { printFindings } from './shared.ts';

if (hasLabels) {
  for (const judge of judgeAzure()) printFindings(judge);
}
