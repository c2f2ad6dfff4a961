/** The event source `internal`: what the program has to say about itself, so that nothing it missed stays unsaid. */

import type { EventTypes, Field, Value } from './field.ts';
import { defineFields } from './field-table.ts';
import { EventRecord } from './record.ts';

/**
 * drop: events were lost; error: a component failed on one; gap: a span was not seen; health: a state has changed;
 * heartbeat: all is as it was, with the books so far.
 */
const internalTypes = ['drop', 'error', 'gap', 'health', 'heartbeat'] as const;
export type InternalType = (typeof internalTypes)[number];

export const internalFields: readonly Field[] = defineFields('internal', [
  ['internal.component', 'CHARBUF', 'The id of the component that reports.'],
  [
    'internal.reason',
    'CHARBUF',
    'Why, in one stable word: `queue_full`, `ring_full`; `sink_failing` and `sink_works`, `operator_failing` and `operator_works`, `state_failing` and `state_works`.',
  ],
  ['internal.count', 'UINT64', 'How many events are concerned.'],
  ['internal.event_type', 'CHARBUF', 'The type of those events, where it is known.'],
  ['internal.message', 'CHARBUF', 'The same as a sentence.'],
  ['internal.from', 'ABSTIME', 'Of a gap: since when nothing was seen, where that is known.'],
  ['internal.to', 'ABSTIME', 'Of a gap: until when.'],
  ['internal.seen', 'UINT64', 'Of a heartbeat: events that came in since the start.'],
  ['internal.delivered', 'UINT64', 'Of a heartbeat: events that reached their sinks.'],
  ['internal.filtered', 'UINT64', 'Of a heartbeat: events that nothing wanted.'],
  ['internal.dropped', 'UINT64', 'Of a heartbeat: events that were lost.'],
  ['internal.pipeline', 'CHARBUF', 'Of a heartbeat: the digest of the pipeline that runs, with all files it names.'],
]);

const names: ReadonlySet<string> = new Set(internalTypes);

export const internalEventTypes: EventTypes = { names, codeCount: 0, codes: () => [], syscalls: () => [] };

export interface InternalReport {
  readonly component: string;
  readonly reason: string;
  readonly count?: number | bigint;
  readonly eventType?: string;
  /** Of a gap; ns since the epoch. */
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
  readonly message: string;
  /** Of a heartbeat. */
  readonly books?: Readonly<Record<'seen' | 'delivered' | 'filtered' | 'dropped', number>> & {
    readonly pipeline: string;
  };
}

/** An internal event. `time`: ns since the epoch. */
export function internalEvent(type: InternalType, time: bigint, report: InternalReport): EventRecord {
  const fields: Record<string, Value> = {
    'internal.component': report.component,
    'internal.reason': report.reason,
    'internal.message': report.message,
  };
  if (report.count !== undefined) fields['internal.count'] = report.count;
  if (report.eventType !== undefined) fields['internal.event_type'] = report.eventType;
  if (report.from !== undefined) fields['internal.from'] = report.from;
  if (report.to !== undefined) fields['internal.to'] = report.to;
  for (const [name, value] of Object.entries(report.books ?? {})) fields[`internal.${name}`] = value;
  return new EventRecord('internal', type, time, fields);
}
