/** A set of short texts, exact, in one piece of memory: strings would cost more than all else that is done with a record. */

import { hash, randomInt } from 'node:crypto';

const WORDS = 10;
/** In bytes. Of longer texts the digest is kept. */
const LONGEST = WORDS * 4 - 1;

// What a place has, as a number: a text of a size in bytes and one more, a digest, or one of these.
const FREE = 0;
const DIGEST = LONGEST + 2;
const DELETED = 255;

/**
 * What nobody can guess. The upper bits of a sum of half words, each times a number of its own, modulo 2^32, are a strongly
 * universal hash of 17 bits (Lemire and Kaser, *Strongly universal string hashing is fast*, 2014): any two texts that were
 * chosen beforehand meet in one of n places with a chance of 1 in n, as long as n is no more than 2^17.
 */
const factors = Int32Array.from({ length: WORDS * 2 + 1 }, () => randomInt(2 ** 32));

/** A text to be looked up. */
export class TextKey {
  readonly words = new Int32Array(WORDS);
  kind = FREE;
  #hash = 0;

  /** Takes in a text, given by its bytes. Whether it is ASCII. */
  load(bytes: DataView, from: number, to: number): boolean {
    if (to - from > LONGEST) return this.#loadDigest(bytes, from, to);
    const whole = (to - from) >> 2;
    const { words } = this;
    let mixed = Math.imul(factors[WORDS * 2] as number, to - from);
    let all = 0;
    for (let index = 0; index < WORDS; index++) {
      let word = 0;
      if (index < whole) word = bytes.getInt32(from + index * 4, true);
      else if (index === whole) {
        for (let at = to - 1; at >= from + whole * 4; at--) word = (word << 8) | bytes.getUint8(at);
      }
      words[index] = word;
      all |= word;
      const low = Math.imul(factors[index * 2] as number, word & 0xffff);
      const high = Math.imul(factors[index * 2 + 1] as number, word >>> 16);
      mixed = (mixed + low + high) | 0;
    }
    this.#hash = mixed;
    this.kind = to - from + 1;
    return (all & 0x80808080) === 0;
  }

  /** Which of so many places is its own: a power of two. */
  placeIn(places: number): number {
    return this.#hash >>> Math.clz32(places - 1);
  }

  #loadDigest(bytes: DataView, from: number, to: number): boolean {
    const text = new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
    const digest = hash('sha256', text, 'buffer');
    this.load(new DataView(digest.buffer, digest.byteOffset, digest.length), 0, digest.length);
    this.kind = DIGEST;
    return text.every((byte) => byte < 0x80);
  }
}

export class TextSet {
  readonly #places: number;
  readonly #kinds: Uint8Array;
  readonly #words: Int32Array;
  #size = 0;

  /** @param most so many texts are ever added before it is cleared */
  constructor(most: number) {
    this.#places = 2 ** Math.ceil(Math.log2(most * 2));
    this.#kinds = new Uint8Array(this.#places);
    this.#words = new Int32Array(this.#places * WORDS);
  }

  /** How many were added. */
  get size(): number {
    return this.#size;
  }

  has(key: TextKey): boolean {
    return this.#kinds[this.#placeOf(key)] !== FREE;
  }

  add(key: TextKey): void {
    const place = this.#placeOf(key);
    if (this.#kinds[place] !== FREE) return;
    this.#kinds[place] = key.kind;
    this.#words.set(key.words, place * WORDS);
    this.#size++;
  }

  delete(key: TextKey): void {
    const place = this.#placeOf(key);
    if (this.#kinds[place] !== FREE) this.#kinds[place] = DELETED;
  }

  clear(): void {
    this.#kinds.fill(FREE);
    this.#size = 0;
  }

  /** Where it is, or a free place where it may be. */
  #placeOf(key: TextKey): number {
    const { kind, words } = key;
    const last = this.#places - 1;
    for (let place = key.placeIn(this.#places); ; place = (place + 1) & last) {
      const found = this.#kinds[place];
      if (found === FREE || (found === kind && this.#isAt(place, words))) return place;
    }
  }

  #isAt(place: number, words: Int32Array): boolean {
    for (let index = 0; index < WORDS; index++) {
      if (this.#words[place * WORDS + index] !== words[index]) return false;
    }
    return true;
  }
}
