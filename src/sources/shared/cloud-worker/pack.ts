/** Records on their way between threads: the bytes that they are in, and where they and some of their keys are. */

import { ROOM, type Rooms } from './rooms.ts';

/** No such key, or null. */
export const ABSENT = 0xffffffff;

/** Records as they cross from the worker to the main thread. */
export interface Pack {
  /** Where the records are, with what stands between them. */
  readonly bytes: Uint8Array;
  /** A row for each record: see rowWidth. */
  readonly rows: Uint32Array;
  readonly problems: readonly Problem[];
}

// What a row has: where the record begins and ends in the bytes; 1 where its keys have to be read from its JSON (a text with
// escapes, something that is no text); then for each key that was asked for where in the record its text begins and ends.
export const START = 0;
export const END = 1;
export const PARSE = 2;
export const HEADS = 3;

/** Numbers in the row of a record of which so many keys are noted. */
export const rowWidth = (keys: number): number => HEADS + keys * 2;

/** A record that is none, or too large: left out. */
export interface Problem {
  readonly reason: 'bad_record' | 'large_record';
  readonly message: string;
  /** What it begins with. */
  readonly text: string;
}

/** What is shown of a record that is left out, in bytes. */
const SHOWN = 2000;
/** Behind what has come: a byte that stands in no JSON, so that nobody runs on, and what is read with it. */
const MARGIN = 8;

const nothing = new Uint8Array(MARGIN);

/** Holds what has come and is not done with, and notes the records in it until they are taken. */
export class Packer {
  /** What has come, up to `length`; a zero follows. */
  bytes: Uint8Array = nothing;
  length = 0;
  /** How many bytes came before the first one of these. */
  base = 0;
  readonly #width: number;
  readonly #most: number;
  readonly #rooms: Rooms;
  #rows: Uint32Array;
  #count = 0;
  #last = 0;
  #problems: Problem[] = [];
  // Of the record in hand: where it begins, and how many of its bytes are not kept since they are too many.
  #start = -1;
  #cut = 0;

  /**
   * @param keys how many keys of each record are noted
   * @param most bytes of one record
   */
  constructor(keys: number, most: number, rooms: Rooms) {
    this.#width = rowWidth(keys);
    this.#most = most;
    this.#rooms = rooms;
    this.#rows = new Uint32Array(this.#width * 256);
  }

  /** Takes the next piece. Of what came before, `base` counted, all is needed still from `needed` on, and the record in hand. */
  add(chunk: Uint8Array, needed: number): void {
    this.#drop(needed - this.base);
    const length = this.length + chunk.length;
    if (length + MARGIN > this.bytes.length) {
      const left = this.bytes;
      // Twice as large: a record over many pieces must not move with each.
      this.#move(0, Math.max(length + MARGIN, ROOM, left.length * 2));
      this.#rooms.giveBack(left);
    }
    this.bytes.set(chunk, this.length);
    this.bytes[length] = 0;
    this.length = length;
  }

  begin(at: number): void {
    this.#start = at;
    this.#cut = 0;
    const row = this.#count * this.#width;
    if (row + this.#width > this.#rows.length) {
      const more = new Uint32Array(this.#rows.length * 2);
      more.set(this.#rows);
      this.#rows = more;
    }
    const rows = this.#rows;
    rows[row + PARSE] = 0;
    for (let index = row + HEADS; index < row + this.#width; index++) rows[index] = ABSENT;
  }

  /** Where the text of a key is in the record in hand. The last one of that name counts. */
  head(key: number, from: number, to: number): void {
    const at = this.#count * this.#width + HEADS + key * 2;
    this.#rows[at] = from - this.#start;
    this.#rows[at + 1] = to - this.#start;
  }

  /** A key of the record in hand is null. */
  noHead(key: number): void {
    const at = this.#count * this.#width + HEADS + key * 2;
    this.#rows[at] = ABSENT;
    this.#rows[at + 1] = ABSENT;
  }

  /** The keys of the record in hand have to be read from its JSON. */
  parse(): void {
    this.#rows[this.#count * this.#width + PARSE] = 1;
  }

  /** The record in hand is whole. */
  end(at: number): void {
    const start = this.#start;
    const size = at - start + this.#cut;
    if (size > this.#most) {
      this.#leaveOut('large_record', `a record has ${size} bytes, more than max_record lets pass`, at);
    } else if (this.bytes[start] !== 0x7b) {
      this.#leaveOut('bad_record', 'a record is no JSON object', at);
    } else {
      const row = this.#count++ * this.#width;
      this.#rows[row + START] = start;
      this.#rows[row + END] = at;
      this.#last = at;
    }
    this.#start = -1;
  }

  /** The record in hand is none after all. */
  cancel(): void {
    this.#start = -1;
  }

  /** What is whole; undefined where that is nothing. */
  take(): Pack | undefined {
    if (this.#count === 0 && this.#problems.length === 0) return undefined;
    const taken = this.#count * this.#width;
    const pack = {
      bytes: this.bytes.subarray(0, this.#last),
      rows: this.#rows.subarray(0, taken),
      problems: this.#problems,
    };
    const rows = new Uint32Array(this.#rows.length);
    rows.set(this.#rows.subarray(taken, taken + this.#width));
    this.#rows = rows;
    this.#move(this.#last, ROOM);
    this.#count = 0;
    this.#last = 0;
    this.#problems = [];
    return pack;
  }

  /** Lets go of what nobody needs any more: bytes before `needed` that are of no record. */
  #drop(needed: number): void {
    const start = this.#start;
    if (start < 0) {
      if (this.#count === 0) this.#remove(0, needed);
    } else if (needed - start + this.#cut > this.#most) {
      this.#cut += this.#remove(start + SHOWN, needed);
    } else if (this.#count === 0) {
      this.#remove(0, start);
      this.#start = 0;
    }
  }

  /** How many bytes that were. */
  #remove(from: number, to: number): number {
    if (to <= from) return 0;
    this.bytes.copyWithin(from, to, this.length);
    this.length -= to - from;
    this.base += to - from;
    this.bytes[this.length] = 0;
    return to - from;
  }

  /** What there is from `from` on moves to another room. */
  #move(from: number, least: number): void {
    const rest = this.bytes.subarray(from, this.length);
    const room = this.#rooms.take(Math.max(least, rest.length + MARGIN));
    room.set(rest);
    room[rest.length] = 0;
    this.bytes = room;
    this.length = rest.length;
    this.base += from;
    if (this.#start >= 0) this.#start -= from;
  }

  #leaveOut(reason: Problem['reason'], message: string, at: number): void {
    const shown = this.bytes.subarray(this.#start, Math.min(at, this.#start + SHOWN));
    this.#problems.push({ reason, message, text: Buffer.from(shown).toString() });
  }
}
