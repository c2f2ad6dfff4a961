/** The part of the store that belongs to one sink: its spool and its dead letters. */

import { ackOf } from '../core/ack.ts';
import type { Event } from '../core/event.ts';
import type { Keep, Stored } from '../core/keep.ts';
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
  // Rows up to here have been given out.
  #given = 0;

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

  async next(maxEvents: number): Promise<Stored | undefined> {
    const rows = await this.#store.spooled(this.#sink, this.#given, maxEvents);
    if (rows.length === 0) return undefined;
    this.#given = rows.at(-1)?.id ?? this.#given;
    const parcels = rows.map((row) => this.#parcel(row));
    const unreadable = rows.reduce(
      (sum, { count }, index) => sum + count - (parcels[index] as Parcel).events.length,
      0,
    );
    return { parcels, unreadable };
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

  #parcel({ id, count, text = '' }: SpoolRow): Parcel {
    const events = text.split('\n').flatMap((line, index) => {
      const parsed = parseRecord(line, { file: 'spool', line: index + 1 });
      return 'record' in parsed ? [parsed.record] : [];
    });
    const ack = ackOf((status) => {
      if (status === 'failed') {
        // Whoever failed may be on its way out.
        this.#given = Math.min(this.#given, id - 1);
        this.#wake();
        return;
      }
      this.#waiting -= count;
      this.#store.unspool(id);
    });
    return { events, bytes: text.length, ack };
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
