/** The part of the store that belongs to one sink: its spool and its dead letters. */

import type { Keep } from '../core/delivery/keep.ts';
import type { Event } from '../core/event.ts';
import { ackOf, type Fate, type Status } from '../core/flow/ack.ts';
import type { Parcel } from '../core/flow/queue.ts';
import type { EventRecord } from '../events/record.ts';
import { parseRecord, recordJson } from '../events/record-json.ts';
import type { SpoolRow, Store } from './store.ts';

/** Text on its way to disk, in UTF-16 units: past that, when the disk does not keep up or is full, nothing is taken. */
const PENDING = 64 * 1024 ** 2;
/** What the dead letters of one sink or source may hold: past that, events are dropped. Bytes as text, less on disk. */
const DEAD = { events: 1_000_000, bytes: 1024 ** 3 };

/**
 * The name that dead letters of a source or an operator have in place of a sink's; no sink has one like it. An operator is
 * given again what it has failed on; what a source has rejected is no event.
 */
export function lettersOf(kind: 'source' | 'operator', id: string): string {
  return `${kind} ${id}`;
}

/** Whether dead letters of that name are of a source: what came there was no event. */
export function isOfSource(name: string): boolean {
  return name.startsWith(lettersOf('source', ''));
}

/** Whether that name is a sink's. */
export function isOfSink(name: string): boolean {
  return !name.includes(' ');
}

/** The id of the component that has that name there. */
export function componentOf(name: string): string {
  return name.slice(name.indexOf(' ') + 1);
}

/** Whose the dead letters of that name are, for people: `the sink siem`, `the operator detect`. */
export function ownerOf(name: string): string {
  return isOfSink(name) ? `the sink ${name}` : `the ${name}`;
}

const DELIVERED: Fate = { status: 'delivered' };

/** The reason of events that waited on disk and cannot be read any more. */
export const UNREADABLE = 'unreadable';

/** What has become of events that waited on disk, and that their sink does not get. */
export interface LostFromDisk {
  readonly status: 'dead_lettered' | 'dropped';
  readonly reason: string;
  readonly count: number;
}

/** What else may become of them: a sink delivers, below an operator it may be any. */
export type Settled = Exclude<Status, LostFromDisk['status'] | 'failed'>;

interface KeepOptions {
  /** What the dead letters may hold. */
  readonly dead?: typeof DEAD;
  readonly lost?: (lost: LostFromDisk) => void;
  /** Told what has become of events that waited, where it is none of these. */
  readonly settled?: (status: Settled, count: number) => void;
}

export class SinkKeep implements Keep {
  readonly woken = new Set<() => void>();
  readonly #store: Store;
  readonly #sink: string;
  readonly #dead: typeof DEAD;
  readonly #lost: (lost: LostFromDisk) => void;
  readonly #settled: (status: Settled, count: number) => void;
  #waiting: number;
  readonly #buried: { events: number; bytes: number };
  // Of both, events on their way to disk.
  readonly #underWay = { waiting: 0, buried: 0 };
  #pending = 0;
  // Rows up to here have been given out; of them and those behind, these are in somebody's hands or being removed.
  #given = 0;
  readonly #taken = new Set<number>();
  // What the store has said of events on their way to disk.
  readonly #leaving = new Map<readonly Event[], Promise<boolean | undefined>>();
  #reading: Promise<unknown> = Promise.resolve();

  constructor(store: Store, sink: string, { dead = DEAD, lost = () => {}, settled = () => {} }: KeepOptions = {}) {
    this.#store = store;
    this.#sink = sink;
    this.#dead = dead;
    this.#lost = lost;
    this.#settled = settled;
    this.#waiting = store.waiting(sink);
    this.#buried = { events: store.buried(sink), bytes: store.buriedBytes(sink) };
    store.trouble.changed.add(() => this.#wake());
  }

  get folder(): string {
    return this.#store.folder;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get onDisk(): number {
    return this.#waiting - this.#underWay.waiting;
  }

  get failing(): boolean {
    return this.#store.problem !== undefined;
  }

  get ready(): boolean {
    return !this.failing && this.#pending <= PENDING;
  }

  /** Events in dead letters, on disk. */
  get dead(): number {
    return this.#buried.events - this.#underWay.buried;
  }

  spool(events: readonly Event[], limit: number): Promise<boolean | undefined> | undefined {
    if (this.#waiting + events.length > limit || this.#pending > PENDING) return undefined;
    const text = textOf(events);
    const written = this.#store.spool(this.#sink, events.length, text);
    this.#waiting += events.length;
    this.#leaving.set(events, written);
    if (this.failing) this.#wake();
    return this.#onTheWay('waiting', events.length, text.length, written).then((isWritten) => {
      this.#leaving.delete(events);
      this.#wake();
      return isWritten;
    });
  }

  async takeBack(events: readonly Event[]): Promise<boolean> {
    const spooled = this.#leaving.get(events);
    return spooled !== undefined && this.#store.takeBack(spooled);
  }

  bury(events: readonly Event[], reason: string, message: string): Promise<boolean | undefined> | undefined {
    if (!this.#hasGrave(events.length)) return undefined;
    return this.#bury(textOf(events), events.length, reason, message);
  }

  #hasGrave(count: number): boolean {
    const { events, bytes } = this.#dead;
    return this.#buried.events + count <= events && this.#buried.bytes <= bytes && this.#pending <= PENDING;
  }

  #bury(text: string, count: number, reason: string, message: string): Promise<boolean | undefined> {
    const letter = { sink: this.#sink, reason, message, time: Date.now(), count };
    this.#buried.events += count;
    this.#buried.bytes += text.length;
    return this.#onTheWay('buried', count, text.length, this.#store.bury(letter, text));
  }

  // One after the other: whoever else reads is a sink that a reload replaces.
  next(maxEvents: number): Promise<readonly Parcel[] | undefined> {
    const parcels = this.#reading.then(() => this.#read(maxEvents));
    this.#reading = parcels.catch(() => {});
    return parcels;
  }

  async #read(maxEvents: number): Promise<readonly Parcel[] | undefined> {
    for (;;) {
      const after = this.#given;
      const rows = await this.#store.spooled(this.#sink, after, maxEvents);
      const last = rows.at(-1);
      if (!last) return undefined;
      // What has failed in the meantime is to be given too.
      if (this.#given === after) this.#given = last.id;
      const free = rows.filter(({ id }) => !this.#taken.has(id));
      const parcels = free.flatMap((row) => this.#parcel(row) ?? []);
      if (parcels.length > 0) return parcels;
    }
  }

  /** Dead letters were put back or deleted: so many events wait, and so many are still dead, of so many bytes. */
  exhumed(waiting: number, dead: number, bytes: number): void {
    this.#waiting = Math.max(this.#waiting, waiting);
    this.#buried.events = dead + this.#underWay.buried;
    this.#buried.bytes = bytes;
    this.#wake();
  }

  #wake(): void {
    for (const woken of this.woken) woken();
  }

  // Undefined when nothing of the row can be read: then it waits no longer.
  #parcel(row: SpoolRow): Parcel | undefined {
    const { id, count, text = '' } = row;
    const events: EventRecord[] = [];
    const others: string[] = [];
    for (const [index, line] of text.split('\n').entries()) {
      const parsed = parseRecord(line, { file: 'spool', line: index + 1 });
      if ('record' in parsed) events.push(parsed.record);
      else others.push(line);
    }
    this.#taken.add(id);
    const ack = ackOf((status, reason, fates) => {
      if (status === 'failed') {
        // Whoever failed may be on its way out.
        this.#taken.delete(id);
        this.#given = Math.min(this.#given, id - 1);
        this.#wake();
        return;
      }
      this.#waiting -= count;
      const all: Fate = reason === undefined ? { status } : { status, reason };
      this.#tell(events.map((_, place) => (fates ? (fates.get(place) ?? DELIVERED) : all)));
      // In one transaction with the end of the row.
      if (events.length < count) this.#setAside(row, count - events.length, others.join('\n'));
      void this.#store.unspool(id).then(() => this.#taken.delete(id));
    });
    if (events.length > 0) return { events, bytes: text.length, ack };
    ack.settle('dropped', UNREADABLE);
    return undefined;
  }

  #tell(fates: readonly Fate[]): void {
    const settled = new Map<Settled, number>();
    for (const { status, reason = '' } of fates) {
      if (status === 'dropped' || status === 'dead_lettered') this.#lost({ status, reason, count: 1 });
      else if (status !== 'failed') settled.set(status, (settled.get(status) ?? 0) + 1);
    }
    for (const [status, count] of settled) this.#settled(status, count);
  }

  // What cannot be read is a dead letter, as long as there may be more: what cannot even be unpacked with the bytes that it has.
  #setAside({ id, text }: SpoolRow, count: number, rest: string): void {
    const [reason, message] = [UNREADABLE, 'what waited on disk cannot be read any more'];
    const status = this.#hasGrave(count) ? 'dead_lettered' : 'dropped';
    this.#lost({ status, reason, count });
    if (status === 'dropped') return;
    if (text !== undefined) void this.#bury(rest, count, reason, message);
    else {
      this.#buried.events += count;
      void this.#onTheWay('buried', count, 0, this.#store.condemn(id, { reason, message, time: Date.now() }));
    }
  }

  async #onTheWay(
    kind: 'waiting' | 'buried',
    count: number,
    length: number,
    written: Promise<boolean | undefined>,
  ): Promise<boolean | undefined> {
    this.#pending += length;
    this.#underWay[kind] += count;
    const isWritten = await written;
    this.#pending -= length;
    this.#underWay[kind] -= count;
    if (!isWritten && kind === 'waiting') this.#waiting -= count;
    else if (!isWritten) this.#buried.events -= count;
    return isWritten;
  }
}

function textOf(events: readonly Event[]): string {
  return events.map((event) => recordJson(event as EventRecord)).join('\n');
}
