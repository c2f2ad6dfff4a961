/** Runs rules/*.test.yaml: every rule that we ship has to raise its alerts, and no others, on recorded events. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { catalogues } from '../../src/events/catalogue.ts';
import { type CloudSourceName, decodeDocument } from '../../src/events/cloud/decode.ts';
import { type CloudEvent, cloudForm } from '../../src/events/cloud/event.ts';
import type { Event, Form, Value } from '../../src/events/field.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { bindRules, loadRules, type Rule } from '../../src/rules/index.ts';

interface ExpectedAlert {
  rule: string;
  fields?: Record<string, Value>;
}
interface RuleTest {
  rule: string;
  name: string;
  events: { type: string; fields: Record<string, Value>; document?: Record<string, unknown> }[];
  alerts?: ExpectedAlert[];
  none?: true;
}
interface TestFile {
  /** Of cloud events `defaults` are keys of the document. */
  source?: CloudSourceName;
  defaults: Record<string, Value>;
  tests: RuleTest[];
}

const folder = fileURLToPath(new URL('../../rules/', import.meta.url));
const ruleFiles = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'));
const read = (name: string) => readFileSync(folder + name, 'utf8');

describe.each(ruleFiles)('%s', (file) => {
  const loaded = loadRules([{ name: file, content: read(file) }], { catalogues });
  const { source, defaults, tests } = parse(read(file.replace('.yaml', '.test.yaml'))) as TestFile;
  const form = (source === undefined ? recordForm : cloudForm(source)) as Form;
  const ruleset = bindRules(
    loaded.rules.filter((rule) => rule.enabled),
    form,
    { matching: 'all' },
  );
  const eventOf = ({ type, fields, document }: RuleTest['events'][number]): EventRecord | CloudEvent => {
    if (source === undefined) return new EventRecord('syscall', type, 0n, { ...defaults, ...fields });
    const decoded = decodeDocument(source, { ...defaults, ...document }, 0n);
    if (!('event' in decoded)) throw new Error(decoded.problem);
    return decoded.event;
  };

  /** What all rules of the file raise on the events, in order: the rule, and the fields that its output prints. */
  function raise(events: RuleTest['events']): Required<ExpectedAlert>[] {
    const raised: Required<ExpectedAlert>[] = [];
    const hit = (rule: Rule, event: Event) => {
      raised.push({ rule: rule.name, fields: rule.output.bind(form).fields(event) as Record<string, Value> });
    };
    const failed = (rule: Rule, error: unknown) => {
      throw new Error(`rule '${rule.name}' failed`, { cause: error });
    };
    for (const event of events) ruleset.judge(eventOf(event), hit, failed);
    return raised;
  }

  it('loads without an error or a warning', () => {
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.ok).toBe(true);
    expect(loaded.rules.length).toBeGreaterThanOrEqual(12);
  });

  it.each(loaded.rules.map((rule) => [rule.name, rule] as const))(
    '%s is explained, tagged and tested',
    (name, rule) => {
      const own = tests.filter((test) => test.rule === name);
      expect(
        own.some(({ alerts }) => alerts?.some((alert) => alert.rule === name)),
        'has a positive test',
      ).toBe(true);
      expect(
        own.some(({ none }) => none),
        'has a negative test',
      ).toBe(true);
      expect(rule.desc).toMatch(/False alarms:/);
      expect(
        rule.tags.some((tag) => /^T\d{4}(\.\d{3})?$/.test(tag)),
        'has a technique',
      ).toBe(true);
      expect(
        rule.tags.some((tag) => tag.startsWith('mitre_')),
        'has a tactic',
      ).toBe(true);
      if (source === undefined) expect(rule.condition.eventTypes, 'names its event types').not.toBe('all');
    },
  );

  it.each(tests.map((test) => [`${test.rule}: ${test.name}`, test] as const))(
    '%s',
    (_name, { rule, events, alerts = [] }) => {
      expect(loaded.rules.map((known) => known.name)).toContain(rule);
      const raised = raise(events);
      expect(raised.map((alert) => alert.rule)).toEqual(alerts.map((alert) => alert.rule));
      for (const [index, { fields = {} }] of alerts.entries()) expect(raised[index]?.fields).toMatchObject(fields);
    },
  );
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
