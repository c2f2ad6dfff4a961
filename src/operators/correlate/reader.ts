/** What `correlate` reads of an event. */

import type { Value } from '../../core/event.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { boundCondition } from '../shared/condition.ts';
import { boundKey, boundKeyValues } from '../shared/key.ts';
import type { CorrelateState } from './plan.ts';
import type { Seen } from './window.ts';

export interface Found {
  readonly key: string;
  /** Values of the key's fields. */
  readonly values: readonly (Value | undefined)[];
  readonly seen: Seen;
}

/** Reads events of an event source; undefined for one that has no key or satisfies no entry. */
export function reader(
  { key, counted, entries }: CorrelateState,
  source: string,
): (event: EventRecord) => Found | undefined {
  const keyOf = boundKey(key, recordForm, source);
  const valuesOf = boundKeyValues(key, recordForm, source);
  const countedOf = counted && boundKey(counted, recordForm, source);
  const tests = entries.map((entry) => {
    if (entry.source !== undefined && entry.source !== source) return () => false;
    if (entry.conditions === undefined) return () => true;
    return boundCondition(entry.conditions, recordForm, source) ?? (() => false);
  });
  return (event) => {
    let steps = 0;
    for (const [step, test] of tests.entries()) if (test(event)) steps |= 1 << step;
    if (steps === 0) return undefined;
    const values = valuesOf(event);
    const value = countedOf?.(event) ?? '';
    if (values.includes(undefined) || (countedOf && value === '')) return undefined;
    const isAlert = source === 'alert';
    const what = isAlert ? `${event.type}: ${String(event.get('output') ?? '')}` : `${source} ${event.type}`;
    return { key: keyOf(event), values, seen: { time: event.time, steps, value, what, source } };
  };
}
