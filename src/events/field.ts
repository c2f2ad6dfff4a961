/** The event model: what a field is, and how each form of event answers for it. */

import type { Event, EventForm, Value } from '../core/event.ts';
import type { Necessary } from './necessary.ts';

export type { Event, Scalar, Value } from '../core/event.ts';

/** Falco's names of value types (spec/falco-engine.md §4). */
export type FieldType =
  | 'CHARBUF'
  | 'FSPATH'
  | 'BYTEBUF'
  | 'BOOL'
  | 'DOUBLE'
  | 'PORT'
  | 'IPADDR'
  | 'IPNET'
  | 'RELTIME'
  | 'ABSTIME'
  | 'DYNAMIC'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'PID'
  | 'FD'
  | 'ERRNO'
  | 'FLAGS32'
  | 'MODE'
  | 'SIGTYPE'
  | 'UID'
  | 'GID';

/** One entry of an event source's catalogue. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly doc: string;
  /** The group it is listed under: Falco's class (`process`, `fd`, …) or ours. */
  readonly class: string;
  /** Values are arrays; only `in`, `intersects`, `exists` and list transformers take it. */
  readonly list?: true;
  /** Whether `[arg]` (or a further `.name`) may or must follow; absent: no argument. */
  readonly arg?: 'optional' | 'required';
  /** `index`: a number; `key`: any text. */
  readonly argKind?: 'index' | 'key';
  /** The argument is the rest of the dotted name: `evt.arg.flags`. Such a field may also take `[n]` where argKind is index. */
  readonly dotted?: true;
  /**
   * How a comparison treats an array that is not a list. `either` (fd.ip, fd.port): true when any candidate satisfies it,
   * `!=` only when none is equal. `any` (proc.aname): true when any candidate satisfies it, `!=` included.
   */
  readonly candidates?: 'either' | 'any';
  /** The names of hosts that an address has, of those that conditions compare with. */
  readonly hosts?: true;
  /** How integers print: ten digits padded with zeros, upper-case hex without prefix, octal; default decimal. */
  readonly print?: 'dec' | 'hex' | 'oct' | 'pad10';
  readonly noRhs?: true;
  readonly noTransformer?: true;
  readonly filterOnly?: true;
  readonly printOnly?: true;
  readonly deprecated?: true;
  /** Falco's `append_output: suggested_output` names it. */
  readonly suggested?: true;
}

/** A field as a condition or format names it. `text` is canonical (`proc.aname[2]`, `evt.arg.flags`) and identifies it. */
export interface FieldRef {
  readonly text: string;
  readonly field: Field;
  readonly arg?: string;
}

/** What `evt.type` may be in one event source. */
export interface EventTypes {
  /** Every name that `evt.type` may have. */
  readonly names: ReadonlySet<string>;
  /** Falco's event codes run from 0 to one below this; 0 where a source has no codes. */
  readonly codeCount: number;
  /** Falco's codes of a name, retired ones included; system calls without an event of their own share theirs. */
  codes(name: string): readonly number[];
  /** The system calls (or kernel tracepoints) that make events of that name. */
  syscalls(name: string): readonly string[];
}

/** The fields and event types of one event source. */
export interface Catalogue {
  /** The event source's name: `syscall`, `aws_cloudtrail`, `alert`, … */
  readonly source: string;
  readonly fields: readonly Field[];
  /** Finds a field by its text, argument included; undefined when the name or the shape of its argument is unknown. */
  find(text: string): FieldRef | undefined;
  /** Its event types; absent where they are not known beforehand. */
  readonly eventTypes?: EventTypes;
}

/** What of the events of a form may come after the event itself: it is still being looked up somewhere. */
export interface Late<E extends Event = Event> {
  /** Whether a field may come late. */
  includes(ref: FieldRef): boolean;
  /** What is still to come of this event; undefined when all is known, or is not worth waiting for. */
  of(event: E): Awaited | undefined;
}

export interface Awaited {
  /** Resolves when it has come, or has taken too long. */
  readonly ready: Promise<void>;
  /** Keeps these fields of the event; the result makes the record, with what has come by then. */
  keep(fields: readonly FieldRef[]): () => Event;
}

export type Reader<E extends Event = Event> = (event: E) => Value | undefined;

/** One form of event: how to read a field of it. Readers are made once, when a condition or format is bound. */
export interface Form<E extends Event = Event> extends EventForm {
  /** Absent where nothing comes late. */
  readonly late?: Late<E>;
  /**
   * A reader for the field; undefined when no event of this form ever has it. With `eventType` it is for events of that
   * type only.
   */
  reader(ref: FieldRef, eventType?: string): Reader<E> | undefined;
  /**
   * A reader that gives IPv4 addresses as unsigned numbers, and all else as `reader` does: conditions compare them so, and no
   * text is made. Undefined for other fields.
   */
  addressReader?(ref: FieldRef, eventType?: string): Reader<E> | undefined;
  /** Whether `evt.num` counts from 1: checks that it is less, which Falco's rules use for "never", need no event. */
  readonly numbersFromOne?: true;
  /** What reading a field costs, next to comparing two numbers; default 4. Cheap checks are made first. */
  cost?(ref: FieldRef): number;
  /** Event types that are sure to come: what judges them is made before they do. */
  readonly common?: readonly string[];
  /** An event of such a type that says nothing, to rehearse with: code that has run once is ready for the first event. */
  example?(eventType: string): Event | undefined;
  /** What verdicts may be kept by; see Facet. */
  readonly facets?: readonly Facet<E>[];
  /**
   * Tells by a look at events of that type which of up to 31 conditions they may satisfy, from what is necessary for each.
   * Undefined where a look tells nothing.
   */
  prefilter?(eventType: string, necessary: readonly Necessary[]): Prefilter<E> | undefined;
}

/** The events of a batch; see EventList. */
export interface Events<E extends Event> {
  readonly length: number;
  at(index: number): E | undefined;
}

export interface Prefilter<E extends Event> {
  /** Bit n is set when an event of the type may satisfy condition n. */
  of(event: E): number;
  /**
   * The index of the first event from `from` on that may satisfy a condition, or is of another type; how many there are when
   * there is none.
   */
  next(events: Events<E>, from: number): number;
}

/**
 * A part of an event that comes again and again, such as the path of a file or the process: checks of nothing else need
 * not be made again.
 */
export interface Facet<E extends Event = Event> {
  readonly name: string;
  /** Whether the part comes again in events of that type. */
  recurs(eventType: string): boolean;
  /** Whether the field has the same value in all events of that type whose slot is the same. */
  covers(ref: FieldRef, eventType: string): boolean;
  /** Where verdicts on the event's part are kept; undefined when the part is not remembered. */
  slot(event: E): Slot | undefined;
}

/** Keeps what its facet's users put there, until the facet forgets the slot. */
export interface Slot {
  kept: unknown;
}
