/** Names of metrics are told apart, and are as those who collect them expect it. */

import { expect, test } from 'vitest';
import { allMetrics } from '../../src/pipeline/run/prometheus.ts';

test('no two metrics have one name', () => {
  const names = allMetrics.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('they are as `promtool check metrics` wants them', () => {
  for (const { name, type, help, labels = [] } of allMetrics) {
    expect(name).toMatch(/^(falco_pipe|process|falcosecurity)_[a-z][a-z_]*[a-z]$/);
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    expect([name, /_(ms|milliseconds|minutes|kb|kilobytes|count|sum|bucket|info_total)(_|$)/.test(name)]).toEqual([
      name,
      false,
    ]);
    expect(help).toMatch(/^\S.*\.$/);
    // Those belong to summaries and histograms.
    for (const label of labels) expect(label).not.toMatch(/^(le|quantile|__.*)$/);
  }
});
