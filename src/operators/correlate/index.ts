/** The operator `correlate`: events that mean something together, across sources, become an alert. */

import { hostname } from 'node:os';
import { bound, defineOperator, expand, type OperatorContext } from '../../core/component.ts';
import type { Event, EventForm, Value } from '../../core/event.ts';
import { makeAlert } from '../../events/alert.ts';
import { recordForm } from '../../events/record.ts';
import { boundCondition } from '../shared/condition.ts';
import { boundKey, boundKeyValues } from '../shared/key.ts';
import { type CorrelateConfig, config } from './config.ts';
import { type CorrelateState, planCorrelate } from './plan.ts';
import { type Group, type Seen, Window } from './window.ts';

const MS = 1_000_000; // ns
const LISTED = 10; // events that an alert tells of

export const correlate = defineOperator<typeof config, CorrelateState>({
  type: 'correlate',
  summary:
    'Raises an alert when events match together: so many, so many different, one after the other, or side by side.',
  config,
  emits: 'alert',
  examples: [
    {
      title: 'Five alerts of one user in five minutes',
      yaml: 'busy: { type: correlate, from: detect, key: user.name, threshold: { count: 5 }, rule: Many alerts of one user }',
    },
    {
      title: 'One program that connects to many hosts',
      yaml: [
        'scan:',
        '  type: correlate',
        '  from: node',
        '  key: proc.pid',
        '  within: 1m',
        '  distinct: { field: fd.sip, count: 20, condition: evt.type = connect }',
        '  rule: Scan of the network',
        '  output: "%correlate.count connections of process %proc.pid"',
      ].join('\n'),
    },
    {
      title: 'A file is made, then run',
      yaml: [
        'dropped:',
        '  type: correlate',
        '  from: detect',
        '  key: container.id',
        '  sequence:',
        '    - condition: rule contains "Write below"',
        '    - condition: rule contains "Execution"',
        '  rule: Dropped and executed',
        '  priority: Critical',
      ].join('\n'),
    },
  ],
  prepare(options, edge) {
    const { state, reads } = planCorrelate(options, edge);
    return { state, reads, notes: { lateness: state.lateness } };
  },
  create(options, ctx) {
    const window = new Window({
      within: ns(options.within),
      lateness: ns(ctx.state.lateness),
      maxKeys: options.max_keys,
      maxPerKey: options.max_per_key,
      metrics: ctx.metrics,
    });
    const matched = ctx.metrics.counter('matches');
    return bound((form, source) => {
      const seenOf = reader(ctx.state, form, source);
      return expand((event, emit) => {
        const found = seenOf(event);
        if (!found) return;
        const added = window.add(found.key, found.values, found.seen, ctx.now());
        if (!added) return;
        const { group, place } = added;
        const places = ctx.state.pattern(group.events, place, ns(options.within));
        if (!places) return;
        matched.value++;
        // An event belongs to one match.
        const events = places.map((each) => group.events[each] as Seen);
        const taken = new Set(events);
        group.events = group.events.filter((each) => !taken.has(each));
        emit(alertOf(events, group, options, ctx));
      });
    });
  },
});

function ns(ms: number): bigint {
  return BigInt(Math.round(ms * MS));
}

// Reads what is kept of an event; undefined when it has no key or satisfies no entry.
function reader({ key, counted, entries }: CorrelateState, form: EventForm, source: string) {
  const keyOf = boundKey(key, form, source);
  const valuesOf = boundKeyValues(key, form, source);
  const countedOf = counted && boundKey(counted, form, source);
  const tests = entries.map((entry) => {
    if (entry.source !== undefined && entry.source !== source) return () => false;
    if (entry.conditions === undefined) return () => true;
    return boundCondition(entry.conditions, form, source) ?? (() => false);
  });
  return (event: Event): { key: string; values: readonly (Value | undefined)[]; seen: Seen } | undefined => {
    let steps = 0;
    for (const [step, test] of tests.entries()) if (test(event)) steps |= 1 << step;
    if (steps === 0) return undefined;
    const values = valuesOf(event);
    const value = countedOf?.(event) ?? '';
    if (values.includes(undefined) || (countedOf && value === '')) return undefined;
    const what = source === 'alert' ? `${event.type}: ${String(event.get('output') ?? '')}` : `${source} ${event.type}`;
    return { key: keyOf(event), values, seen: { time: event.time, steps, value, what, source } };
  };
}

function alertOf(
  events: readonly Seen[],
  { values }: Group,
  { rule, priority, tags }: CorrelateConfig,
  { state, id }: OperatorContext<CorrelateState>,
) {
  const first = events[0] as Seen;
  const last = events.at(-1) as Seen;
  const ofKey = state.keyNames.map((name, index) => [name, values[index] ?? null] as const);
  const counted = [...new Set(events.map(({ value }) => value))].filter((value) => value !== '');
  const outputFields: Record<string, Value | null> = {
    ...Object.fromEntries(ofKey),
    'correlate.count': events.length,
    'correlate.first_time': first.time,
    'correlate.last_time': last.time,
    ...(counted.length > 0 ? { 'correlate.values': counted.join(', ') } : {}),
    'correlate.events': events
      .slice(0, LISTED)
      .map(({ what }) => what)
      .join('; '),
  };
  const host = process.env.FALCO_HOSTNAME ?? hostname();
  const identity = JSON.stringify([
    id,
    ofKey.map(([, value]) => String(value)),
    events.map(({ time }) => String(time)),
  ]);
  const content = { rule, priority, tags, hostname: host, source: first.source, outputFields, identity, output: '' };
  const plain = ofKey.map(([name, value]) => `${name}=${String(value)}`).join(' ');
  const told = state.output?.bind(recordForm).text(makeAlert(last.time, content));
  return makeAlert(last.time, {
    ...content,
    output: told ?? `${rule}: ${events.length} events${plain ? ` (${plain})` : ''}`,
  });
}
