/**
 * Takes JSON apart into records without making objects of it: it may come in pieces, and be larger than memory. Records
 * are the items of the array `Records`, those of an array, or objects one after the other (JSON lines). Everything is
 * checked against RFC 8259, so that each record can be parsed later.
 */

import { BACKSLASH, endOfRun, endsNumber, inNumber, isBlank, isEscape, isHex, QUOTE } from './json-bytes.ts';
import type { Packer } from './pack.ts';

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
const IN_KEY = 6;
const TEXT = 7;
const WORD = 8; // true, false, null
const NUMBER = 9;
const MARKED = 10; // what it begins with: a value, or the mark

// What is open.
const NOTHING = 0;
const OBJECT = 1;
const ARRAY = 2;

// How many containers are open where a record begins: at the top (JSON lines, or an envelope whose list has not come yet),
// in an array at the top, in the list of an envelope.
const AT_TOP = 0;
const IN_ARRAY = 1;
const IN_LIST = 2;
const NOWHERE = -1;

/** The mark that some programs begin UTF-8 with. */
const MARK = [0xef, 0xbb, 0xbf];

const WORDS: Readonly<Record<number, string>> = { 116: 'true', 102: 'false', 110: 'null' };
/** No key of interest is that long. */
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
  #state = MARKED;
  #stack = new Uint8Array(64);
  #depth = 0;
  #where = NOWHERE;
  #recording = false;
  #interest = NONE;
  #escaped = false;
  // How far it has come, and where the key or text in hand begins: counted from the first byte of all.
  #at = 0;
  #start = 0;
  #rest = 0;
  #word = '';
  #number = 0;

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
    const out = this.#out;
    // A key that is too long to be of interest need not be kept.
    if (this.#state === IN_KEY && this.#at - this.#start > LONGEST) this.#start = this.#at - LONGEST;
    out.add(chunk, this.#state === IN_KEY ? this.#start : this.#at);
    const { bytes, base, length } = out;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const list = this.#list;
    let state = this.#state;
    let stack = this.#stack;
    let depth = this.#depth;
    let open = depth === 0 ? NOTHING : stack[depth - 1];
    let where = this.#where;
    let recording = this.#recording;
    // So many containers are open at keys of the record in hand.
    let keys = recording ? where + 1 : NONE;
    let interest = this.#interest;
    let escaped = this.#escaped;
    let start = this.#start - base;
    let number = this.#number;
    let i = this.#at - base;
    let past = 0;
    scan: while (i < length) {
      // A value ends here.
      let ended = false;
      switch (state) {
        case IN_KEY:
          for (;;) {
            i = endOfRun(view, i);
            if (bytes[i] !== QUOTE) break;
            interest = depth === keys ? this.#interestOf(bytes, start, i, escaped) : NONE;
            i++;
            state = COLON;
            // Most often a text follows at once.
            if (bytes[i] !== 0x3a || bytes[i + 1] !== QUOTE) continue scan;
            start = i += 2;
            escaped = false;
            state = TEXT;
            i = endOfRun(view, i);
            if (bytes[i] !== QUOTE) continue scan;
            if (interest >= 0 && interest !== list) out.head(interest, start, i);
            i++;
            state = COMMA;
            // And after it another key.
            if (bytes[i] !== 0x2c || bytes[i + 1] !== QUOTE) continue scan;
            start = i += 2;
            state = IN_KEY;
          }
          past = this.#pastEscape(bytes, i, length);
          if (past === i) break scan;
          i = past;
          escaped = true;
          continue;
        case TEXT:
          i = endOfRun(view, i);
          if (bytes[i] === QUOTE) {
            if (interest >= 0 && interest !== list) {
              if (escaped) out.parse();
              out.head(interest, start, i);
            }
            i++;
            ended = true;
            break;
          }
          past = this.#pastEscape(bytes, i, length);
          if (past === i) break scan;
          i = past;
          escaped = true;
          continue;
        case NUMBER:
          for (let next = 0; ; number = next, i++) {
            next = inNumber(number, bytes[i] as number);
            if (next === 0) break;
          }
          if (i === length) break scan;
          if (!endsNumber(number, bytes[i] as number)) this.#fail(i, 'a number that is none');
          ended = true;
          break;
        case WORD:
          while (this.#rest > 0 && bytes[i] === this.#word.charCodeAt(this.#word.length - this.#rest)) {
            i++;
            this.#rest--;
          }
          if (this.#rest > 0) {
            if (i === length) break scan;
            this.#fail(i, 'a word that is none of JSON');
          }
          ended = true;
          break;
        case MARKED: {
          const at = base + i;
          const isMark = bytes[i] === MARK[at];
          if (isMark) i++;
          else if (at > 0) this.#fail(i, 'a byte order mark that is none');
          if (!isMark || at === MARK.length - 1) state = VALUE;
          continue;
        }
        case COLON: {
          const byte = bytes[i] as number;
          if (byte === 0x3a) state = VALUE;
          else if (!isBlank(byte)) this.#fail(i, 'a colon is missing');
          i++;
          continue;
        }
        case COMMA: {
          const byte = bytes[i] as number;
          if (byte === 0x2c) {
            interest = NONE;
            i++;
            if (open !== OBJECT) state = VALUE;
            else if (bytes[i] === QUOTE) {
              start = ++i;
              escaped = false;
              state = IN_KEY;
            } else state = KEY;
            continue;
          }
          i++;
          if (byte === 0x7d || byte === 0x5d) {
            if (open !== (byte === 0x7d ? OBJECT : ARRAY)) this.#fail(i - 1, 'a bracket that closes nothing');
            open = --depth === 0 ? NOTHING : stack[depth - 1];
            ended = true;
            break;
          }
          if (!isBlank(byte)) this.#fail(i - 1, 'a comma is missing');
          continue;
        }
        case KEY:
        case KEY_OR_END: {
          const byte = bytes[i++] as number;
          if (byte === QUOTE) {
            start = i;
            escaped = false;
            state = IN_KEY;
          } else if (byte === 0x7d && state === KEY_OR_END) {
            open = --depth === 0 ? NOTHING : stack[depth - 1];
            ended = true;
            break;
          } else if (!isBlank(byte)) this.#fail(i - 1, 'a key is missing');
          continue;
        }
        default: {
          const byte = bytes[i] as number;
          if (isBlank(byte)) {
            i++;
            continue;
          }
          if (byte === 0x5d && state === VALUE_OR_END) {
            open = --depth === 0 ? NOTHING : stack[depth - 1];
            i++;
            ended = true;
            break;
          }
          if (depth === 0) where = this.#top(byte, i);
          if (depth === where) {
            recording = true;
            keys = where + 1;
            interest = NONE;
            out.begin(i);
          }
          if (byte === QUOTE) {
            start = ++i;
            escaped = false;
            state = TEXT;
            continue;
          }
          const isHead = interest >= 0 && interest !== list;
          if (byte === 0x7b || byte === 0x5b) {
            // One of those keys should have a text.
            if (isHead) out.parse();
            if (byte === 0x5b && interest === list && where === AT_TOP) {
              recording = false;
              keys = NONE;
              out.cancel();
              where = IN_LIST;
            }
            if (depth === stack.length) stack = larger(stack);
            open = byte === 0x7b ? OBJECT : ARRAY;
            stack[depth++] = open;
            interest = NONE;
            i++;
            state = VALUE_OR_END;
            if (byte === 0x7b) {
              state = KEY_OR_END;
              if (bytes[i] === QUOTE) {
                start = ++i;
                escaped = false;
                state = IN_KEY;
              }
            }
            continue;
          }
          const word = WORDS[byte];
          if (word !== undefined) {
            if (isHead) {
              if (word === 'null') out.noHead(interest);
              else out.parse();
            }
            this.#word = word;
            this.#rest = word.length;
            state = WORD;
            continue;
          }
          number = 0;
          if (inNumber(number, byte) === 0) this.#fail(i, 'a value is missing');
          if (isHead) out.parse();
          state = NUMBER;
          continue;
        }
      }
      if (!ended) continue;
      state = depth === 0 ? VALUE : COMMA;
      if (depth > where) continue;
      if (recording && depth === where) {
        out.end(i);
        recording = false;
        keys = NONE;
      } else if (where === IN_LIST && depth === 1) where = NOWHERE; // what follows the list is of no interest
    }
    this.#at = base + i;
    this.#start = base + start;
    this.#state = state;
    this.#stack = stack;
    this.#depth = depth;
    this.#where = where;
    this.#recording = recording;
    this.#interest = interest;
    this.#escaped = escaped;
    this.#number = number;
  }

  /** There is no more. Throws Malformed when something is not whole. */
  end(): void {
    const isWhole = this.#state === VALUE || this.#at === 0;
    if (this.#depth > 0 || !isWhole) this.#fail(this.#out.length, 'it ends in the middle');
  }

  /** How many containers are open where records begin. */
  #top(byte: number, at: number): number {
    if (byte === 0x7b) return AT_TOP;
    return byte === 0x5b ? IN_ARRAY : this.#fail(at, 'it is neither an object nor an array');
  }

  /** Which key of interest it is. */
  #interestOf(bytes: Uint8Array, start: number, end: number, escaped: boolean): number {
    // One with an escape may be one of those after all.
    if (escaped) this.#out.parse();
    const candidates = this.#keys[end - start];
    if (candidates === undefined) return NONE;
    for (const { bytes: key, index } of candidates) {
      let at = key.length - 1;
      while (at >= 0 && key[at] === bytes[start + at]) at--;
      if (at < 0) return index;
    }
    return NONE;
  }

  /** Where an escape ends that begins at `at`, which is no end of a text; `at` itself where it is not whole yet. */
  #pastEscape(bytes: Uint8Array, at: number, length: number): number {
    if (at === length) return at;
    if (bytes[at] !== BACKSLASH) this.#fail(at, 'a control character in a text');
    if (at + 1 === length) return at;
    if (bytes[at + 1] !== 0x75) {
      if (!isEscape(bytes[at + 1] as number)) this.#fail(at + 1, 'an unknown escape');
      return at + 2;
    }
    for (let hex = at + 2; hex < at + 6; hex++) {
      if (hex === length) return at;
      if (!isHex(bytes[hex] as number)) this.#fail(hex, 'an escape that is none');
    }
    return at + 6;
  }

  #fail(at: number, what: string): never {
    throw new Malformed(`it is no JSON: ${what} at byte ${this.#out.base + at}`);
  }
}

function larger(stack: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const more = new Uint8Array(stack.length * 4);
  more.set(stack);
  return more;
}
