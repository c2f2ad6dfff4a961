/** From what the cloud worker gives to events. */

import type { SourceContext } from '../../core/component.ts';
import { NO_RECORD } from '../../events/aws/source.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import type { JsonObject } from '../../events/cloud/document.ts';
import { CloudEvent, type Content } from '../../events/cloud/event.ts';
import { type Heads, headKeys } from '../../events/cloud/heads.ts';
import { parseTimestamp } from '../../events/cloud/timestamp.ts';
import { parseJson } from '../../events/exact-json.ts';
import { ABSENT, END, HEADS, PARSE, type Problem, rowWidth, START } from '../shared/cloud-worker/pack.ts';
import type { LentPack } from '../shared/cloud-worker/unpack.ts';
import { Names } from './names.ts';
import type { Recent } from './recent.ts';

const WIDTH = rowWidth(headKeys.length);
const NAME = headKeys.indexOf('eventName');
const TIME = headKeys.indexOf('eventTime');
const ID = headKeys.indexOf('eventID');
const TYPE = headKeys.indexOf('eventType');

export interface PackedEvents {
  readonly events: readonly CloudEvent[];
  /** Records that are whole, and no events. */
  readonly problems: readonly Problem[];
  /** So many were left out since they came lately. */
  readonly duplicates: number;
  /** They have settled: nobody reads them any more. */
  release(): void;
}

/** The events of a pack, in order, without those that came lately. */
export function eventsOf(pack: LentPack, ctx: Pick<SourceContext, 'now'>, recent: Recent): PackedEvents {
  const open = new OpenPack(pack, BigInt(ctx.now()) * 1_000_000n);
  const events: CloudEvent[] = [];
  const problems: Problem[] = [];
  let duplicates = 0;
  for (let row = 0; row < pack.rows.length; row += WIDTH) {
    const event = open.event(row);
    if (typeof event === 'string') problems.push({ text: open.json(row), reason: 'bad_record', message: event });
    else if (open.isNew(row, event, recent)) events.push(event);
    else duplicates++;
  }
  const release = () => {
    open.close();
    pack.release();
  };
  return { events, problems, duplicates, release };
}

const names = new Names();

/** A pack until it is released. */
class OpenPack {
  readonly received: bigint;
  readonly #rows: Uint32Array;
  #bytes: Buffer | undefined;
  #view: DataView | undefined;

  /** @param received ns since the epoch */
  constructor({ bytes, rows }: LentPack, received: bigint) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#rows = rows;
    this.received = received;
  }

  close(): void {
    this.#bytes = undefined;
    this.#view = undefined;
  }

  /** The record in a row, or why it is no event. */
  event(row: number): CloudEvent | string {
    if (this.#rows[row + PARSE] === 1) {
      const decoded = decodeDocument('aws_cloudtrail', this.document(row), this.received);
      return 'event' in decoded ? decoded.event : decoded.problem;
    }
    // As decodeDocument does it.
    const name = this.text(row, NAME);
    const type = name || this.text(row, TYPE);
    return type ? new CloudEvent('aws_cloudtrail', type, new PackedRecord(this, row, name)) : NO_RECORD;
  }

  isNew(row: number, event: CloudEvent, recent: Recent): boolean {
    if (this.#rows[row + PARSE] === 1) return event.id === undefined || recent.isNew(event.id);
    const [from, to] = [this.#from(row, ID), this.#to(row, ID)];
    return from < 0 || from === to || recent.isNewIn(this.#view as DataView, from, to);
  }

  json(row: number): string {
    return this.#open().toString('utf8', this.#rows[row + START], this.#rows[row + END]);
  }

  document(row: number): JsonObject {
    return parseJson(this.json(row)) as JsonObject;
  }

  /** The text of a key, by its place in headKeys. */
  text(row: number, place: number): string | undefined {
    const from = this.#from(row, place);
    if (from < 0) return undefined;
    const bytes = this.#open();
    return place === TIME || place === ID
      ? bytes.toString('utf8', from, this.#to(row, place))
      : names.of(bytes, from, this.#to(row, place));
  }

  /** Where the text of a key begins; less than zero where there is none. */
  #from(row: number, place: number): number {
    const from = this.#rows[row + HEADS + place * 2] as number;
    return from === ABSENT ? -1 : (this.#rows[row + START] as number) + from;
  }

  #to(row: number, place: number): number {
    return (this.#rows[row + START] as number) + (this.#rows[row + HEADS + place * 2 + 1] as number);
  }

  #open(): Buffer {
    if (this.#bytes === undefined)
      throw new Error('this event has settled, and is there no longer: make a record of it');
    return this.#bytes;
  }
}

/** A record that is read when somebody asks, and parsed when its heads do not tell. */
class PackedRecord implements Content, Heads {
  readonly #pack: OpenPack;
  readonly #row: number;
  /** Every rule asks for it. */
  readonly #name: string | undefined;
  #document: JsonObject | undefined;

  constructor(pack: OpenPack, row: number, name: string | undefined) {
    this.#pack = pack;
    this.#row = row;
    this.#name = name;
  }

  get heads(): Heads {
    return this;
  }

  get time(): bigint {
    return parseTimestamp(this.text(TIME)) ?? this.#pack.received;
  }

  get id(): string | undefined {
    return this.text(ID) || undefined;
  }

  get document(): JsonObject {
    return (this.#document ??= this.#pack.document(this.#row));
  }

  text(place: number): string | undefined {
    return place === NAME ? this.#name : this.#pack.text(this.#row, place);
  }
}
