/** The guide docs/guides/from-falco.md: its pipeline is one, and a falco.yaml is led to it. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { Program, pipeline, repository } from './program.ts';

const guide = readFileSync(join(repository, 'docs/guides/from-falco.md'), 'utf8');

test('the pipeline that does what a falco.yaml did is valid as it stands', async () => {
  const folder = scratch();
  const text = /```yaml\n([\s\S]+?)```/.exec(guide)?.[1] ?? '';
  const rule = (name: string) =>
    `- rule: ${name}\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n`;
  mkdirSync(join(folder, 'rules.d'));
  for (const name of ['falco_rules.yaml', 'rules.d/own.yaml']) writeFileSync(join(folder, name), rule(name));
  writeFileSync(join(folder, 'falco_rules.local.yaml'), '# Your own rules\n');
  const path = pipeline(folder, text);
  expect((await Program.run(['validate', path])).stdout).toContain(': ok (1 source, 1 operator, 2 sinks');
  expect((await Program.run(['rules', 'list', path])).stdout.trim().split('\n')).toHaveLength(2);
});

test("a falco.yaml is named as what it is, with the guide's place", async () => {
  const path = pipeline(
    scratch(),
    'rules_files: [/etc/falco/falco_rules.yaml]\nengine: { kind: modern_ebpf }\n',
    'falco.yaml',
  );
  const { code, stderr } = await Program.run(['run', path]);
  expect(code).toBe(78);
  expect(stderr).toContain("falco.yaml:1:1: error: This is a configuration of Falco's, no pipeline");
  expect(stderr).toContain('docs/guides/from-falco.md has a pipeline that does the same');
});
