/** What rules that fail on an event leave behind. */

import { expect, it } from 'vitest';
import { Counters } from '../../src/core/metrics.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import type { Awaited, FieldRef, Form } from '../../src/events/field.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { Judge } from '../../src/operators/rules/judge.ts';
import { loadRules } from '../../src/rules/index.ts';

const isLate = ({ text }: FieldRef) => text === 'container.name';

/** The name of a container is always still to come, and what is `torn` cannot be read. */
const form: Form = {
  ...(recordForm as Form),
  late: {
    includes: isLate,
    of: (): Awaited => ({ ready: Promise.resolve(), keep: () => () => new EventRecord('syscall', 'open', 1n, {}) }),
  },
  reader: (ref, type) => (event) => {
    const value = (recordForm as Form).reader(ref, type)?.(event);
    if (value === 'torn') throw new Error('torn');
    return value;
  },
};

const RULES = `
- rule: fails
  desc: d
  condition: evt.type = open and proc.name startswith x
  output: o
  priority: NOTICE
- rule: waits
  desc: d
  condition: evt.type = open and container.name = web
  output: o
  priority: NOTICE
`;

it('an error of one event is not told of the next', () => {
  const { rules } = loadRules([{ name: 'r', content: RULES }], { catalogues });
  const metrics = new Counters();
  const options = { rules, source: 'syscall', extra: [], matching: 'all' as const, hostname: 'h', ctx: { metrics } };
  const judge = new Judge(form, options);
  const judged = (name: string, hold: () => void) => {
    const event = new EventRecord('syscall', 'open', 1n, { 'proc.name': name });
    return () => judge.judge(event, () => {}, hold);
  };
  const full = () => {
    throw new Error('no more can be held');
  };
  expect(judged('torn', () => {})).toThrow('rule "fails" failed: torn');
  expect(judged('a', () => {})).not.toThrow();
  expect(judged('torn', full)).toThrow('no more can be held');
  expect(judged('a', () => {})).not.toThrow();
  expect(metrics.byLabel('rule_errors')).toEqual({ fails: 2 });
});
