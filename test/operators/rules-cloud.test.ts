/** Alerts about cloud events have an id that depends on the event and the rule alone. */

import { expect, test } from 'vitest';
import { Counters } from '../../src/core/metrics.ts';
import type { Alert } from '../../src/events/alert.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import { decodeDocument } from '../../src/events/cloud/decode.ts';
import { type CloudEvent, cloudForm } from '../../src/events/cloud/event.ts';
import type { Event, Form } from '../../src/events/field.ts';
import { recordForm } from '../../src/events/record.ts';
import { Judge } from '../../src/operators/rules/judge.ts';
import { loadRules } from '../../src/rules/index.ts';

const source = 'aws_cloudtrail';

function idOf(event: Event, form: Form, output: string, name = 'R'): string {
  const rule = { rule: name, desc: 'd', condition: 'ct.name = CreateUser', output, priority: 'INFO', source };
  const { rules } = loadRules([{ name: 'r', content: JSON.stringify([rule]) }], { catalogues });
  const ctx = { metrics: new Counters() };
  const judge = new Judge(form, { rules, source, extra: [], matching: 'all', hostname: `host ${output}`, ctx });
  const alerts: Alert[] = [];
  judge.judge(event, (alert) => alerts.push(alert as Alert), undefined);
  expect(alerts).toHaveLength(1);
  return (alerts[0] as Alert).id;
}

function eventOf(more: object = {}): CloudEvent {
  const decoded = decodeDocument(source, { eventName: 'CreateUser', eventID: 'e1', ...more }, 1n);
  if ('problem' in decoded) throw new Error(decoded.problem);
  return decoded.event;
}

test('the same for every copy of an event, whatever its rule prints and whoever judges it', () => {
  const form = cloudForm(source) as unknown as Form;
  const id = idOf(eventOf(), form, 'a');
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(idOf(eventOf(), form, 'b %evt.num %ct.name')).toBe(id);
  const record = cloudForm(source).keep(eventOf(), ['ct.name', 'evt.id']);
  expect(idOf(record, recordForm as unknown as Form, 'c')).toBe(id);
  expect(idOf(eventOf({ eventID: 'e2' }), form, 'a')).not.toBe(id);
  expect(idOf(eventOf(), form, 'a', 'S')).not.toBe(id);
});
