/** rules/azure.yaml on labelled records of Azure and Entra ID, and rules/k8s.yaml on those of AKS among them. */

import { readFileSync } from 'node:fs';
import { Judge, labelled } from './labels.ts';

/** Judges all records: what azure.yaml has found, and what k8s.yaml has. */
export function judgeAzure(): readonly [Judge, Judge] {
  const azure = new Judge('azure.yaml', 'azure_audit');
  const k8s = new Judge('k8s.yaml', 'k8s_audit');
  for (const path of ['azure/panther/monitoractivity_labelled.jsonl', 'azure/panther/entra_labelled.jsonl']) {
    for (const line of readFileSync(labelled(path), 'utf8').trim().split('\n')) {
      const { rule, test, expected, event } = JSON.parse(line);
      const log = event.category === 'kube-audit' ? event.properties?.log : undefined;
      const judge = log === undefined ? azure : k8s;
      judge.judgeLabelled(typeof log === 'string' ? JSON.parse(log) : (log ?? event), expected, `"${test}" of ${rule}`);
    }
  }
  return [azure, k8s];
}
