/** The part of the store that belongs to one sink: its spool and its dead letters. */

import { ackOf } from '../core/ack.ts';
import type { Event } from '../core/event.ts';
import type { Keep } from '../core/keep.ts';
import type { Parcel } from '../core/queue.ts';
import type { EventRecord } from '../events/record.ts';
import { parseRecord, recordJson } from '../events/record-json.ts';
import type { SpoolRow, Store } from './store.ts';

/** Text on its way to disk, in UTF-16 units: past that, when the disk does not keep up or is full, nothing is taken. */
const PENDING = 64 * 1024 ** 2;
const OF_SOURCE = 'source ';
/** What the dead letters of one sink or source may hold: past that, events are dropped. Bytes as text, less on disk. */
const DEAD = { events: 1_000_000, bytes: 1024 ** 3 };

/** The name that dead letters of a source have in place of a sink's; no sink has one like it, so none are delivered. */
export function lettersOf(source: string): string {
  return `${OF_SOURCE}${source}`;
}

/** Whether dead letters of that name are of a source: what came there was no event. */
export function isOfSource(name: string): boolean {
  return name.startsWith(OF_SOURCE);
}

export class SinkKeep implements Keep {
  readonly woken = new Set<() => void>();
  readonly #store: Store;
  readonly #sink: string;
  readonly #dead: typeof DEAD;
  #waiting: number;
  readonly #buried: { events: number; bytes: number };
  #pending = 0;
  // Rows up to here have been given out; of them and those behind, these are in somebody's hands or being removed.
  #given = 0;
  readonly #taken = new Set<number>();
  #reading: Promise<unknown> = Promise.resolve();

  constructor(store: Store, sink: string, dead = DEAD) {
    this.#store = store;
    this.#sink = sink;
    this.#dead = dead;
    this.#waiting = store.waiting(sink);
    this.#buried = { events: store.buried(sink), bytes: store.buriedBytes(sink) };
  }

  get waiting(): number {
    return this.#waiting;
  }

  spool(events: readonly Event[], limit: number): Promise<void> | undefined {
    if (this.#waiting + events.length > limit) return undefined;
    const written = this.#write(events, (text) => this.#store.spool(this.#sink, events.length, text));
    if (!written) return undefined;
    this.#waiting += events.length;
    void written.then(() => this.#wake());
    return written;
  }

  bury(events: readonly Event[], reason: string, message: string): Promise<void> | undefined {
    const { events: most, bytes } = this.#dead;
    if (this.#buried.events + events.length > most || this.#buried.bytes > bytes) return undefined;
    const letter = { sink: this.#sink, reason, message, time: Date.now(), count: events.length };
    const written = this.#write(events, (text) => {
      this.#buried.bytes += text.length;
      return this.#store.bury(letter, text);
    });
    if (written) this.#buried.events += events.length;
    return written;
  }

  // One after the other: whoever else reads is a sink that a reload replaces.
  next(maxEvents: number, unreadable: (count: number) => void): Promise<readonly Parcel[] | undefined> {
    const parcels = this.#reading.then(() => this.#read(maxEvents, unreadable));
    this.#reading = parcels.catch(() => {});
    return parcels;
  }

  async #read(maxEvents: number, unreadable: (count: number) => void): Promise<readonly Parcel[] | undefined> {
    for (;;) {
      const after = this.#given;
      const rows = await this.#store.spooled(this.#sink, after, maxEvents);
      const last = rows.at(-1);
      if (!last) return undefined;
      // What has failed in the meantime is to be given too.
      if (this.#given === after) this.#given = last.id;
      const free = rows.filter(({ id }) => !this.#taken.has(id));
      const parcels = free.flatMap((row) => this.#parcel(row, unreadable) ?? []);
      if (parcels.length > 0) return parcels;
    }
  }

  /** Dead letters were put back or deleted: so many events wait, and so many are still dead, of so many bytes. */
  exhumed(waiting: number, dead: number, bytes: number): void {
    this.#waiting = Math.max(this.#waiting, waiting);
    this.#buried.events = dead;
    this.#buried.bytes = bytes;
    this.#wake();
  }

  #wake(): void {
    for (const woken of this.woken) woken();
  }

  // Undefined when nothing of the row can be read: then it waits no longer.
  #parcel({ id, count, text = '' }: SpoolRow, unreadable: (count: number) => void): Parcel | undefined {
    const events = text.split('\n').flatMap((line, index) => {
      const parsed = parseRecord(line, { file: 'spool', line: index + 1 });
      return 'record' in parsed ? [parsed.record] : [];
    });
    this.#taken.add(id);
    const ack = ackOf((status) => {
      if (status === 'failed') {
        // Whoever failed may be on its way out.
        this.#taken.delete(id);
        this.#given = Math.min(this.#given, id - 1);
        this.#wake();
        return;
      }
      this.#waiting -= count;
      void this.#store.unspool(id).then(() => this.#taken.delete(id));
      if (events.length < count) unreadable(count - events.length);
    });
    if (events.length > 0) return { events, bytes: text.length, ack };
    ack.settle('dropped', 'unreadable');
    return undefined;
  }

  #write(events: readonly Event[], put: (text: string) => Promise<void>): Promise<void> | undefined {
    if (this.#pending > PENDING) return undefined;
    const text = events.map((event) => recordJson(event as EventRecord)).join('\n');
    this.#pending += text.length;
    return put(text).then(() => {
      this.#pending -= text.length;
    });
  }
}
