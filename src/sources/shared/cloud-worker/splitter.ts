/**
 * Takes JSON apart into records without making objects of it: it may come in pieces, and be larger than memory. Records
 * are the items of the array `Records`, those of an array, or objects one after the other (JSON lines). Everything is
 * checked against RFC 8259, so that each record can be parsed later.
 */

import { ABSENT, type Packer } from './pack.ts';

/** It is no JSON from here on: what follows cannot be told apart. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

// What is expected next.
const VALUE = 0; // a value
const VALUE_OR_END = 1; // a value, or the end of the array
const KEY_OR_END = 2; // a key, or the end of the object
const KEY = 3;
const COLON = 4;
const COMMA = 5; // a comma, or an end
const STRING = 6;
const ESCAPE = 7;
const HEX = 8;
const WORD = 9; // true, false, null
const NUMBER = 10;

const OBJECT = 1;
const ARRAY = 2;

// How many containers are open where a record begins: at the top (JSON lines, or an envelope whose list has not come yet),
// in an array at the top, in the list of an envelope.
const AT_TOP = 0;
const IN_ARRAY = 1;
const IN_LIST = 2;
const NOWHERE = -1;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** The mark that some programs begin UTF-8 with. */
const MARK: readonly (number | undefined)[] = [0xef, 0xbb, 0xbf];

const WORDS: Readonly<Record<number, string>> = { 116: 'true', 102: 'false', 110: 'null' };
const NUMBER_SHAPE = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** What is kept of a key or number that comes in several pieces; longer ones are no key of interest, and no number. */
const LONGEST = 400;
/** No key of interest. */
const NONE = -1;

export interface SplitterOptions {
  /** The key of the list in an envelope: `Records`. */
  readonly list: string;
  /** Keys of records whose texts are noted. */
  readonly heads: readonly string[];
}

export class Splitter {
  readonly #out: Packer;
  // Keys of interest: those of records, the last is that of the list. By their length.
  readonly #keys: { readonly bytes: Uint8Array; readonly index: number }[][] = [];
  readonly #list: number;
  // What is in hand between two pieces. While one is looked at, it is in variables: that is several times as quick.
  #state = VALUE;
  #stack = new Uint8Array(64);
  #depth = 0;
  #where = NOWHERE;
  #recording = false;
  #interest = NONE;
  #isKey = false;
  #escaped = false;
  #textFrom = 0;
  #rest = 0;
  #word = '';
  // The beginning of a text or number that comes in several pieces.
  #begun = '';
  // Of the record in hand.
  #isObject = false;
  #parse = false;
  #passed = 0;

  constructor({ list, heads }: SplitterOptions, out: Packer) {
    this.#out = out;
    this.#list = heads.length;
    for (const [index, key] of [...heads, list].entries()) {
      const bytes = new TextEncoder().encode(key);
      (this.#keys[bytes.length] ??= []).push({ bytes, index });
    }
  }

  /** Takes the next piece. Throws Malformed. */
  write(chunk: Uint8Array): void {
    const size = chunk.length;
    const out = this.#out;
    const list = this.#list;
    let state = this.#state;
    let stack = this.#stack;
    let depth = this.#depth;
    let where = this.#where;
    let recording = this.#recording;
    let interest = this.#interest;
    let isKey = this.#isKey;
    let escaped = this.#escaped;
    // Bytes of the record in hand that are not copied yet begin here; those before are in the packer.
    let from = 0;
    let copied = out.size;
    // Where the text or number in hand begins in this piece.
    let start = 0;
    let i = 0;
    while (i < size) {
      let byte = chunk[i] as number;
      // A value ends here.
      let ended = false;
      switch (state) {
        case STRING: {
          i = endOfRun(chunk, i, size);
          if (i === size) break;
          byte = chunk[i] as number;
          if (byte === BACKSLASH) {
            escaped = true;
            state = ESCAPE;
          } else if (byte === QUOTE) {
            const inHand = recording && depth === where + 1;
            if (isKey) {
              state = COLON;
              interest = inHand ? this.#interestOf(chunk, start, i, escaped) : NONE;
              if (this.#begun !== '') this.#begun = '';
              // Most often a text follows at once; without this step all is the same, but slower.
              if (chunk[i + 1] === 0x3a && chunk[i + 2] === QUOTE) {
                i += 3;
                isKey = false;
                escaped = false;
                this.#textFrom = copied + i - from;
                start = i;
                state = STRING;
                continue;
              }
            } else {
              ended = true;
              if (inHand && interest >= 0 && interest !== list) {
                if (escaped) this.#parse = true;
                out.head(interest, this.#textFrom, copied + i - from);
              }
              // And after it another key.
              if (chunk[i + 1] === 0x2c && chunk[i + 2] === QUOTE && depth > where && stack[depth - 1] === OBJECT) {
                i += 3;
                isKey = true;
                escaped = false;
                interest = NONE;
                start = i;
                state = STRING;
                continue;
              }
            }
          } else this.#fail(i, 'a control character in a text');
          i++;
          break;
        }
        case ESCAPE:
          if (byte === 0x75) {
            this.#rest = 4;
            state = HEX;
          } else if (isEscape(byte)) state = STRING;
          else this.#fail(i, 'an unknown escape');
          i++;
          break;
        case HEX:
          if (!isHex(byte)) this.#fail(i, 'an escape that is none');
          if (--this.#rest === 0) state = STRING;
          i++;
          break;
        case NUMBER:
          while (i < size && isOfNumber(chunk[i] as number)) i++;
          if (i === size) break;
          this.#checkNumber(chunk, start, i);
          ended = true;
          break;
        case WORD:
          if (byte !== this.#word.charCodeAt(this.#word.length - this.#rest))
            this.#fail(i, 'a word that is none of JSON');
          ended = --this.#rest === 0;
          i++;
          break;
        case COLON:
          if (byte === 0x3a) state = VALUE;
          else if (!isBlank(byte)) this.#fail(i, 'a colon is missing');
          i++;
          break;
        case COMMA:
          if (byte === 0x2c) {
            state = stack[depth - 1] === OBJECT ? KEY : VALUE;
            interest = NONE;
          } else if (byte === 0x7d || byte === 0x5d) {
            if (stack[--depth] !== (byte === 0x7d ? OBJECT : ARRAY)) this.#fail(i, 'a bracket that closes nothing');
            ended = true;
          } else if (!isBlank(byte)) this.#fail(i, 'a comma is missing');
          i++;
          break;
        case KEY:
        case KEY_OR_END:
          if (byte === QUOTE) {
            isKey = true;
            escaped = false;
            start = i + 1;
            state = STRING;
          } else if (byte === 0x7d && state === KEY_OR_END) {
            depth--;
            ended = true;
          } else if (!isBlank(byte)) this.#fail(i, 'a key is missing');
          i++;
          break;
        default: {
          if (isBlank(byte) || (depth === 0 && byte === MARK[this.#passed + i])) {
            i++;
            break;
          }
          if (byte === 0x5d && state === VALUE_OR_END) {
            depth--;
            ended = true;
            i++;
            break;
          }
          if (depth === 0) where = this.#top(byte, i);
          if (depth === where) {
            recording = true;
            this.#isObject = byte === 0x7b;
            this.#parse = false;
            out.begin();
            copied = 0;
            from = i;
          }
          if (byte === QUOTE) {
            isKey = false;
            escaped = false;
            this.#textFrom = copied + i + 1 - from;
            start = i + 1;
            state = STRING;
            i++;
            break;
          }
          const isHead = interest >= 0 && interest !== list && recording && depth === where + 1;
          if (byte === 0x7b || byte === 0x5b) {
            // One of those keys should have a text.
            if (isHead) this.#parse = true;
            if (byte === 0x5b && interest === list && where === AT_TOP && depth === 1) {
              recording = false;
              out.cancel();
              where = IN_LIST;
            }
            if (depth === stack.length) stack = larger(stack);
            stack[depth++] = byte === 0x7b ? OBJECT : ARRAY;
            interest = NONE;
            state = byte === 0x7b ? KEY_OR_END : VALUE_OR_END;
            i++;
            break;
          }
          this.#word = WORDS[byte] ?? '';
          if (this.#word !== '') {
            if (isHead && this.#word === 'null') out.head(interest, ABSENT, ABSENT);
            else if (isHead) this.#parse = true;
            this.#rest = this.#word.length;
            state = WORD;
            break;
          }
          if (!isOfNumber(byte)) this.#fail(i, 'a value is missing');
          if (isHead) this.#parse = true;
          start = i;
          state = NUMBER;
        }
      }
      if (!ended) continue;
      state = depth === 0 ? VALUE : COMMA;
      if (recording && depth === where) {
        out.add(chunk, from, i);
        out.end(this.#isObject, this.#parse);
        recording = false;
      } else if (where === IN_LIST && depth === 1) where = NOWHERE; // what follows the list is of no interest
    }
    // A key or number goes on in the next piece.
    if (state === NUMBER || (isKey && (state === STRING || state === ESCAPE || state === HEX))) {
      this.#begun += latin(chunk.subarray(start, start + LONGEST));
    }
    if (recording) out.add(chunk, from, size);
    this.#passed += size;
    this.#state = state;
    this.#stack = stack;
    this.#depth = depth;
    this.#where = where;
    this.#recording = recording;
    this.#interest = interest;
    this.#isKey = isKey;
    this.#escaped = escaped;
  }

  /** There is no more. Throws Malformed when something is not whole. */
  end(): void {
    if (this.#depth > 0 || this.#state !== VALUE) this.#fail(0, 'it ends in the middle');
  }

  /** How many containers are open where records begin. */
  #top(byte: number, at: number): number {
    if (byte === 0x7b) return AT_TOP;
    return byte === 0x5b ? IN_ARRAY : this.#fail(at, 'it is neither an object nor an array');
  }

  /** Which key of interest it is that begins at `start`, or began in an earlier piece. */
  #interestOf(chunk: Uint8Array, start: number, end: number, escaped: boolean): number {
    // One with an escape may be one of those after all.
    if (escaped) this.#parse = true;
    const begun = this.#begun;
    if (begun !== '') {
      const key = Buffer.from(begun + latin(chunk.subarray(start, Math.min(end, start + LONGEST))), 'latin1');
      this.#begun = '';
      return this.#interestOf(key, 0, key.length, escaped);
    }
    const candidates = this.#keys[end - start];
    if (candidates === undefined || escaped) return NONE;
    for (const { bytes, index } of candidates) {
      let at = 0;
      while (at < bytes.length && bytes[at] === chunk[start + at]) at++;
      if (at === bytes.length) return index;
    }
    return NONE;
  }

  #checkNumber(chunk: Uint8Array, start: number, end: number): void {
    // Most are digits only.
    if (this.#begun === '' && end - start < 16 && areDigits(chunk, start, end)) return;
    const number = this.#begun + latin(chunk.subarray(start, Math.min(end, start + LONGEST)));
    this.#begun = '';
    if (!NUMBER_SHAPE.test(number)) this.#fail(end, 'a number that is none');
  }

  #fail(at: number, what: string): never {
    throw new Malformed(`it is no JSON: ${what} at byte ${this.#passed + at}`);
  }
}

function larger(stack: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const more = new Uint8Array(stack.length * 4);
  more.set(stack);
  return more;
}

function areDigits(chunk: Uint8Array, start: number, end: number): boolean {
  if (chunk[start] === 0x30 && end - start > 1) return false;
  for (let at = start; at < end; at++) {
    const byte = chunk[at] as number;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  return true;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Where a text cannot just go on: at a quote, a backslash, a control character, or where the piece ends. */
function endOfRun(chunk: Uint8Array, from: number, size: number): number {
  let at = from;
  while (at < size) {
    const byte = chunk[at] as number;
    if (byte === QUOTE || byte === BACKSLASH || byte < SPACE) break;
    at++;
  }
  return at;
}

function isEscape(byte: number): boolean {
  return (
    byte === QUOTE ||
    byte === BACKSLASH ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74
  );
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

/** Digits, signs, point and exponent. */
function isOfNumber(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45
  );
}

function latin(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
