/** Records on their way between threads: their bytes one after the other, and where some of their keys are. */

/** No such key, or null. */
export const ABSENT = 0xffffffff;

/** Records as they cross from the worker to the main thread. */
export interface Pack {
  readonly bytes: Uint8Array;
  /** Where each record ends. */
  readonly ends: Uint32Array;
  /** For each record and each key that was asked for, where its text begins and ends; ABSENT twice where there is none. */
  readonly heads: Uint32Array;
  /** 1 for each record of which the keys have to be read from its JSON: a text with escapes, something that is no text. */
  readonly parse: Uint8Array;
  readonly problems: readonly Problem[];
}

/** A record that is none, or too large: left out. */
export interface Problem {
  readonly reason: 'bad_record' | 'large_record';
  readonly message: string;
  /** What it begins with. */
  readonly text: string;
}

/** What is shown of a record that is left out, in bytes. */
const SHOWN = 2000;
/** A pack begins with room for so many bytes. */
const ROOM = 96 * 1024;

/** Gives memory of at least so many bytes; what is in it does not matter. */
export type Room = (least: number) => Uint8Array;

const newRoom: Room = (least) => new Uint8Array(least);

/** Collects records until they are taken. */
export class Packer {
  readonly #keys: number;
  readonly #most: number;
  readonly #room: Room;
  #bytes: Uint8Array;
  #length = 0;
  #start = 0;
  #whole = 0;
  #ends: number[] = [];
  #heads: number[] = [];
  #parse: number[] = [];
  #problems: Problem[] = [];
  #current: number[];

  /**
   * @param keys how many keys of each record are noted
   * @param most bytes of one record
   */
  constructor(keys: number, most: number, room: Room = newRoom) {
    this.#keys = keys;
    this.#most = most;
    this.#room = room;
    this.#bytes = room(ROOM);
    this.#current = new Array<number>(keys * 2).fill(ABSENT);
  }

  /** Bytes of the record in hand so far, also those that are too many to be kept. */
  get size(): number {
    return this.#whole;
  }

  begin(): void {
    this.#start = this.#length;
    this.#whole = 0;
    this.#current.fill(ABSENT);
  }

  /** Adds bytes to the record in hand. */
  add(chunk: Uint8Array, from: number, to: number): void {
    const size = to - from;
    this.#whole += size;
    if (this.#whole > this.#most + SHOWN && this.#length - this.#start >= SHOWN) return;
    const needed = this.#length + size;
    if (needed > this.#bytes.length) {
      const larger = this.#room(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(size === chunk.length ? chunk : chunk.subarray(from, to), this.#length);
    this.#length = needed;
  }

  /** Where the text of a key is in the record in hand; ABSENT twice: it is null. The last one of that name counts. */
  head(key: number, from: number, to: number): void {
    this.#current[key * 2] = from;
    this.#current[key * 2 + 1] = to;
  }

  /** The record in hand is whole. */
  end(isObject: boolean, parse: boolean): void {
    if (this.#whole > this.#most) {
      this.#leaveOut('large_record', `a record has ${this.#whole} bytes, more than max_record lets pass`);
    } else if (!isObject) {
      this.#leaveOut('bad_record', 'a record is no JSON object');
    } else {
      this.#ends.push(this.#length);
      for (let index = 0; index < this.#keys * 2; index++) this.#heads.push(this.#current[index] as number);
      this.#parse.push(parse ? 1 : 0);
    }
  }

  /** The record in hand is none after all. */
  cancel(): void {
    this.#length = this.#start;
  }

  /** What is whole; undefined where that is nothing. */
  take(): Pack | undefined {
    if (this.#ends.length === 0 && this.#problems.length === 0) return undefined;
    const last = this.#ends.at(-1) ?? 0;
    const open = this.#bytes.subarray(last, this.#length);
    const next = this.#room(Math.max(ROOM, open.length));
    next.set(open);
    const pack: Pack = {
      bytes: this.#bytes.subarray(0, last),
      ends: Uint32Array.from(this.#ends),
      heads: Uint32Array.from(this.#heads),
      parse: Uint8Array.from(this.#parse),
      problems: this.#problems,
    };
    this.#bytes = next;
    this.#start -= last;
    this.#length = open.length;
    this.#ends = [];
    this.#heads = [];
    this.#parse = [];
    this.#problems = [];
    return pack;
  }

  #leaveOut(reason: Problem['reason'], message: string): void {
    const shown = this.#bytes.subarray(this.#start, Math.min(this.#length, this.#start + SHOWN));
    this.#problems.push({ reason, message, text: Buffer.from(shown).toString() });
    this.cancel();
  }
}
