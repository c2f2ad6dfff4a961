/** Names of metrics are told apart. */

import { expect, test } from 'vitest';
import { allMetrics } from '../../src/pipeline/prometheus.ts';

test('no two metrics have one name', () => {
  const names = allMetrics.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
