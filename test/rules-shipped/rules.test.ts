/** Runs rules/*.test.yaml: every rule that we ship has to raise its alerts, and no others, on recorded events. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { loadRules } from '../../src/rules/index.ts';
import { Coverage } from '../../src/testing/rule-coverage/coverage.ts';
import { gapLines } from '../../src/testing/rule-coverage/told.ts';
import { loadRuleTests } from '../../src/testing/rule-tests/load.ts';
import { runRuleTests } from '../../src/testing/rule-tests/run.ts';
import { readTestFile } from '../../src/testing/test-files.ts';
import type { TestResult } from '../../src/testing/test-kind.ts';

const folder = fileURLToPath(new URL('../../rules/', import.meta.url));
const ruleFiles = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'));
const read = (name: string) => readFileSync(folder + name, 'utf8');

test('all files can be loaded together: none changes what another defines', () => {
  const names = ruleFiles.flatMap((file) =>
    [...read(file).matchAll(/^- (?:macro|list|rule): (.*)$/gm)].map(([, name]) => name),
  );
  expect(names.length).toBeGreaterThan(150);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

describe.each(ruleFiles)('%s', (file) => {
  const loaded = loadRules([{ name: file, content: read(file) }], { catalogues });
  const coverage = new Coverage();
  const results: TestResult[] = [];
  const tests = loadRuleTests(
    readTestFile(folder + file.replace('.yaml', '.test.yaml'), () => [file]),
    loaded.rules,
  );
  runRuleTests(tests, { coverage, report: (result) => results.push(result) });

  it('loads without an error or a warning', () => {
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.ok).toBe(true);
    expect(loaded.rules.length).toBeGreaterThanOrEqual(12);
  });

  test.each(loaded.rules.map((rule) => [rule.name, rule] as const))('%s is explained and tagged', (_, rule) => {
    expect(rule.desc).toMatch(/False alarms:/);
    expect(
      rule.tags.some((tag) => /^T\d{4}(\.\d{3})?$/.test(tag)),
      'has a technique',
    ).toBe(true);
    expect(
      rule.tags.some((tag) => tag.startsWith('mitre_')),
      'has a tactic',
    ).toBe(true);
    if (rule.source === 'syscall') expect(rule.condition.eventTypes, 'names its event types').not.toBe('all');
  });

  it('has a positive and a negative test of every rule, and both answers of every check', () => {
    expect(coverage.rules.length).toBe(loaded.rules.length);
    expect(gapLines(coverage)).toEqual([]);
  });

  it('does what its tests say', () => {
    expect(results.length).toBeGreaterThanOrEqual(2 * loaded.rules.length);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  });
});

describe('README.md', () => {
  it('shows additions that load after host.yaml', () => {
    const example = /```yaml\n(.*?)```/s.exec(read('README.md'))?.[1] ?? '';
    const files = [
      { name: 'host.yaml', content: read('host.yaml') },
      { name: 'own.yaml', content: example },
    ];
    const loaded = loadRules(files, { catalogues });
    expect(loaded.diagnostics).toEqual([]);
    const rule = (name: string) => loaded.rules.find((each) => each.name === name)!;
    expect(rule('Attack tool started').enabled).toBe(false);
    const backup = {
      'fd.name': '/etc/shadow',
      'fd.num': 3,
      'fd.typechar': 'f',
      'evt.is_open_read': true,
      'proc.exepath': '/usr/bin/restic',
    };
    const reads = rule('Password file read').condition.bind(recordForm);
    expect(reads(new EventRecord('syscall', 'openat', 0n, backup))).toBe(false);
    expect(reads(new EventRecord('syscall', 'openat', 0n, { ...backup, 'proc.exepath': '/usr/bin/cat' }))).toBe(true);
  });
});
