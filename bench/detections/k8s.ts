/** What rules/k8s.yaml finds in labelled audit events: `node bench/detections/k8s.ts`. */

import { hasLabels, Judge } from '../../test/rules-shipped/labels.ts';
import { printFindings } from './shared.ts';

if (hasLabels) {
  const judge = new Judge('k8s.yaml', 'k8s_audit');
  judge.judgeLines('k8saudit/panther-eks/labelled.jsonl');
  printFindings(judge);
}
