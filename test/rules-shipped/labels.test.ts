/** Our rules find attacks, and are silent on the rest: labelled records that lie beside the repository. */

import { describe, expect, test } from 'vitest';
import { judgeAzure } from './azure-labels.ts';
import { judgeCloudTrail } from './cloudtrail-labels.ts';
import { hasLabels, Judge } from './labels.ts';

describe.runIf(hasLabels)('aws.yaml', () => {
  const { judge, techniques, missed, quiet, noise } = hasLabels ? judgeCloudTrail() : ({} as never);

  test('nearly every technique is named by an alert', () => {
    expect(techniques.length).toBe(35);
    expect(missed).toEqual(['aws.credential-access.ec2-steal-instance-credentials']);
  });

  test('at most one alert on a thousand records that nothing explains', () => {
    expect(quiet).toBeGreaterThan(500);
    expect(noise.length).toBeLessThanOrEqual(Math.floor(quiet / 1000));
  });

  test('few alerts on records that are called harmless', () => {
    expect(judge.attacks).toBeGreaterThan(150);
    expect(judge.harmless.length).toBeLessThanOrEqual(6);
  });
});

describe.runIf(hasLabels)('k8s.yaml', () => {
  test('attacks are found, with few alerts on records that are called harmless', () => {
    const judge = new Judge('k8s.yaml', 'k8s_audit');
    judge.judgeLines('k8saudit/panther-eks/labelled.jsonl');
    expect(judge.attacks).toBeGreaterThanOrEqual(20);
    expect(judge.harmless.length).toBeLessThanOrEqual(4);
  });
});

describe.runIf(hasLabels)('azure.yaml', () => {
  const [azure, k8s] = hasLabels ? judgeAzure() : ([] as never);

  test('attacks are found, with few alerts on records that are called harmless', () => {
    expect(azure.attacks).toBeGreaterThanOrEqual(80);
    expect(azure.harmless.length).toBeLessThanOrEqual(4);
  });

  test('so are those on clusters of AKS, by k8s.yaml', () => {
    expect(k8s.attacks).toBeGreaterThanOrEqual(14);
    expect(k8s.harmless).toEqual([]);
  });
});
