/** What flows: an event, whatever form it has. */

/**
 * One value. Text is a string (UTF-8 decoded; invalid bytes are U+FFFD), BYTEBUF a Uint8Array, addresses canonical text
 * (`10.0.0.7`, `::1`), every integer (also PORT, RELTIME, ABSTIME in ns) a number when it is a safe integer, else a
 * bigint. A list field is an array of such values. An absent value is `undefined`, never null.
 */
export type Scalar = string | number | bigint | boolean | Uint8Array;
export type Value = Scalar | readonly Scalar[];

/** What every form of event offers to operators that people write. */
export interface Event {
  /** Its event source: `syscall`, `aws_cloudtrail`, `alert`, … */
  readonly source: string;
  /** Its event type: `openat`, `ConsoleLogin`; for an alert the rule's name. */
  readonly type: string;
  /** When it happened: ns since the epoch. */
  readonly time: bigint;
  /** The value of a field by its text, or undefined when absent or unknown. */
  get(field: string): Value | undefined;
}

/** An event that waits for what is still being looked up about it. It is its own, and may be kept. */
export interface Held extends Event {
  /** Resolves when it has come, or has taken too long. */
  readonly ready: Promise<void>;
  /** Judges it with what has come by then. */
  resume(emit: (event: Event) => void): void;
}

/** The identity of a form of event (kernel view, record, cloud object); how to read it is the event model's business. */
export interface EventForm {
  readonly name: string;
}

/** The events of one batch, in order. An array of events is one. */
export interface EventList {
  readonly length: number;
  /** The event at an index; a borrowed list may return one cursor, moved. */
  at(index: number): Event | undefined;
  /**
   * Present when the list is borrowed, that is, readable only until the call that delivers it returns: makes an event of
   * its own, with just these fields (by their texts), that may be kept.
   */
  keep?(event: Event, fields: readonly string[]): Event;
}
