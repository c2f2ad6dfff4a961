/** What tests of the runtime share: events, acks that remember, logs that can be read. */

import { type Ack, ackOf, type Status } from '../../src/core/flow/ack.ts';
import { createLogger, type Logger } from '../../src/core/log.ts';
import { EventRecord } from '../../src/events/record.ts';

/** Records of the event source `syscall` with the field `n`: `from`, `from` + 1, … */
export function eventsOf(count: number, from = 0): EventRecord[] {
  return Array.from({ length: count }, (_, index) => new EventRecord('syscall', 'open', 0n, { n: from + index }));
}

/** The field `n` of events. */
export function numbersOf(events: readonly { get(field: string): unknown }[]): unknown[] {
  return events.map((event) => event.get('n'));
}

/** An ack that remembers what it got. */
export function recordedAck(live = false): Ack & { readonly settled: [Status, string | undefined][] } {
  const settled: [Status, string | undefined][] = [];
  return { ...ackOf((status, reason) => settled.push([status, reason]), live), settled };
}

/** A logger whose lines can be read. */
export function recordedLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLogger({ style: 'text', level: 'info', write: (line) => lines.push(line.trimEnd()) }), lines };
}

/** Lets everything run that waits for a promise. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
