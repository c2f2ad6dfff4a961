/** rules/aws.yaml finds attacks, and is silent on the rest: labelled records that lie beside the repository. */

import { describe, expect, test } from 'vitest';
import { hasLabels, judgeLabels } from './cloudtrail-labels.ts';

if (!hasLabels) process.stderr.write('SKIPPED: tests over ../shared/data/cloud/cloudtrail, which is not there\n');

describe.runIf(hasLabels)('labelled CloudTrail records', () => {
  const { counts, techniques, missed, quiet, noise, harmless } = hasLabels ? judgeLabels() : ({} as never);

  test('nearly every technique is named by an alert', () => {
    expect(techniques.length).toBe(35);
    expect(missed).toEqual(['aws.credential-access.ec2-steal-instance-credentials']);
  });

  test('at most one alert on a thousand records that nothing explains', () => {
    expect(quiet).toBeGreaterThan(500);
    expect(noise.length).toBeLessThanOrEqual(Math.floor(quiet / 1000));
  });

  test('few alerts on records that are called harmless', () => {
    const attacks = [...counts.values()].reduce((sum, each) => sum + each.attacks, 0);
    expect(attacks).toBeGreaterThan(150);
    expect(harmless.length).toBeLessThanOrEqual(6);
  });
});
