/** What the operator `rules` makes ahead of the first event leaves no trace. */

import { describe, expect, test } from 'vitest';
import { CALLS } from '../../native/calls.ts';
import { Counters } from '../../src/core/metrics.ts';
import { atOnce } from '../../src/core/steps.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import type { Event, Form } from '../../src/events/field.ts';
import { exampleOf } from '../../src/events/kernel/example.ts';
import { makeReader } from '../../src/events/kernel/field-readers.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { Judge } from '../../src/operators/rules/judge.ts';
import { loadRules } from '../../src/rules/index.ts';
import { Bench } from '../events-kernel/slab-writer.ts';

describe('an example of an event', () => {
  test.each([...Object.keys(CALLS)])('%s is one, and every field of it can be read', (type) => {
    // Programs that failed to start need a rule that asks for them.
    const event = exampleOf(type);
    expect(event?.type).toBe(type === 'execveat' ? 'execveat' : type);
    for (const { name } of catalogues.get('syscall')?.fields ?? []) {
      for (const argument of ['', '[1]', '.res']) {
        const ref = catalogues.get('syscall')?.find(name + argument);
        if (event && ref) makeReader(ref, type)?.(event);
      }
    }
  });

  test('of a type that kernel events do not have there is none', () => {
    expect(exampleOf('no such call')).toBeUndefined();
  });
});

test('after the rehearsal nothing is counted, emitted or said to have failed, and the first event is judged', () => {
  const content = `
- rule: Any open
  desc: d
  condition: evt.type in (open, openat, execve, connect)
  output: opened %fd.name by %proc.name, %user.name
  priority: NOTICE
- rule: Of one file
  desc: d
  condition: evt.type = openat and fd.name = /data
  output: opened %fd.name
  priority: NOTICE
`;
  const { rules, diagnostics } = loadRules([{ name: 'rules.yaml', content }], { catalogues });
  expect(diagnostics).toEqual([]);
  const metrics = new Counters();
  const judge = new Judge(kernelForm as Form, {
    rules,
    source: 'syscall',
    extra: [],
    matching: 'all',
    hostname: 'node1',
    ctx: { metrics },
  });
  atOnce(judge.warm());
  expect(metrics.byLabel('matches')).toEqual({});
  const alerts: Event[] = [];
  const process = { tgid: 9, tid: 9, ppid: 1, start: 5, exec_id: 1, comm: 'cat', cwd: '/' };
  const slab = new Bench().load(process).slab({ ...process, kind: 'open', nr: 257, ret: 3, dirfd: -100, raw: '/data' });
  judge.judge(slab.at(0) as Event, (alert) => void alerts.push(alert), undefined);
  slab.release();
  expect(alerts.map((alert) => `${alert.get('rule')}: ${alert.get('output')}`)).toEqual([
    'Any open: opened /data by cat, root',
    'Of one file: opened /data',
  ]);
  expect(metrics.byLabel('matches')).toEqual({ 'Any open': 1, 'Of one file': 1 });
  expect(metrics.names()).not.toContain('rule_errors');
});
