import { expect, test } from 'vitest';
import { load, rule } from '../support.ts';

const plugin = '- required_plugin_versions:\n    - ';

test.each([
  [rule({ enabled: 'true', capture_duration: '-5' }), true],
  [rule({ enabled: 'yes' }), false],
  [rule({ enabled: 'True' }), false],
  [rule({ exceptions: '[{name: e, fields: proc.name, comps: [[in]], values: [a]}]' }), true],
  [rule({ exceptions: '[{name: e}]' }), true],
  [rule({ exceptions: '[{fields: proc.name}]' }), false],
  [rule({ exceptions: '[{name: e, vaules: []}]' }), false],
  [`${plugin}{name: p, version: 0.1.0, alternatives: [{name: q, version: 0.1.0}]}\n`, true],
  [`${plugin}{name: p}\n`, false],
  [`${plugin}{name: p, version: 0.1.0, alternatives: [{name: q}]}\n`, false],
  [rule({ override: '{priority: append, capture: replace}' }), true],
  [rule({ override: '{priority: prepend}' }), false],
  [rule({ override: '{}' }), false],
  ['# nothing\n', null],
])("Falco's schema of rules files: %j is %s", (content, valid) => {
  expect(load(content).files[0]?.schema.valid).toBe(valid);
});
