/** The alert that a match becomes. */

import type { OperatorContext } from '../../core/component.ts';
import type { Value } from '../../core/event.ts';
import { hostName } from '../../core/host.ts';
import { type Alert, makeAlert } from '../../events/alert.ts';
import { recordForm } from '../../events/record.ts';
import type { CorrelateConfig } from './config.ts';
import type { CorrelateState } from './plan.ts';
import type { Seen } from './window.ts';

const LISTED = 10; // events that an alert tells of

/** `events`: those of the match, oldest first; `values`: those of the key. Its id is the same for the same events. */
export function alertOf(
  events: readonly Seen[],
  values: readonly (Value | undefined)[],
  { rule, priority, tags }: CorrelateConfig,
  { state, id }: Pick<OperatorContext<CorrelateState>, 'state' | 'id'>,
): Alert {
  const first = events[0] as Seen;
  const last = events.at(-1) as Seen;
  const key = state.keyNames.map((name, index) => [name, values[index] ?? null] as const);
  const counted = [...new Set(events.map(({ value }) => value))].filter((value) => value !== '');
  const told = events.slice(0, LISTED).map(({ what }) => what);
  const outputFields: Record<string, Value | null> = {
    ...Object.fromEntries(key),
    'correlate.count': events.length,
    'correlate.first_time': first.time,
    'correlate.last_time': last.time,
    ...(counted.length > 0 ? { 'correlate.values': counted.join(', ') } : {}),
    'correlate.events': told.join('; '),
  };
  const host = hostName();
  const times = events.map(({ time }) => String(time));
  const identity = JSON.stringify([id, key.map(([, value]) => String(value)), times]);
  const content = { rule, priority, tags, hostname: host, source: first.source, outputFields, identity, output: '' };
  const output = state.output?.bind(recordForm).text(makeAlert(last.time, content));
  const named = key.map(([name, value]) => `${name}=${String(value)}`).join(' ');
  const plain = `${rule}: ${events.length} events${named ? ` (${named})` : ''}`;
  return makeAlert(last.time, { ...content, output: output ?? plain });
}
