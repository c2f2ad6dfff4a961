/** Reads a condition or format piece by piece. */

import type { Literal, Span } from '../language.ts';
import { Problem } from './problem.ts';

const bareText = /[^()"' \t\n\v\f\r=,]+/y;

/** A blank, tab, backspace, or end of a line. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d || code === 0x08;
}

export class Scanner {
  readonly text: string;
  position = 0;
  /** What was read last, as "unexpected token after" shows it. */
  lastToken = '';

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.position >= this.text.length;
  }

  /** Reads what a sticky pattern matches here. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    if (!pattern.test(this.text)) return undefined;
    const found = this.text.slice(this.position, pattern.lastIndex);
    this.position = pattern.lastIndex;
    this.lastToken = found;
    return found;
  }

  /** The next character; undefined at the end. */
  get next(): string | undefined {
    return this.text[this.position];
  }

  /** Reads this one character. */
  takeChar(char: string): boolean {
    if (this.text[this.position] !== char) return false;
    this.position++;
    this.lastToken = char;
    return true;
  }

  /** Reads exactly these characters. */
  takeWord(word: string): boolean {
    // Mostly something else stands here.
    if (this.text[this.position] !== word[0] || !this.text.startsWith(word, this.position)) return false;
    this.position += word.length;
    this.lastToken = word;
    return true;
  }

  /** Reads the first of some words that stands here. */
  takeOneOf<Word extends string>(words: readonly Word[]): Word | undefined {
    for (let index = 0; index < words.length; index++) {
      const word = words[index] as Word;
      if (this.takeWord(word)) return word;
    }
    return undefined;
  }

  peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.position;
    return pattern.test(this.text);
  }

  /** Skips blanks; whether there were any. */
  skipBlanks(): boolean {
    const start = this.position;
    let at = start;
    while (isBlank(this.text.charCodeAt(at))) at++;
    this.position = at;
    return at > start;
  }

  span(start: number): Span {
    return { start, end: this.position };
  }

  fail(message: string, hint?: string): never {
    // The caret underlines the word that does not fit.
    const rest = /^[^\s()]+|^./.exec(this.text.slice(this.position, this.position + 80))?.[0].length ?? 1;
    throw new Problem('parse', message, { start: this.position, end: this.position + rest }, { hint });
  }

  /** Fails because what opens at an offset is never closed: that is shown, though Falco points here. */
  failUnclosed(message: string, opening: number, hint: string): never {
    const span = { start: opening, end: opening + 1 };
    throw new Problem('parse', message, span, { hint, falcoStart: this.position });
  }

  takeBare(): Literal | undefined {
    const start = this.position;
    const text = this.take(bareText);
    return text === undefined ? undefined : { kind: 'literal', text, quoted: false, span: this.span(start) };
  }

  /** Reads a quoted string. It ends at the same quote unless a backslash stands before it (spec/falco-engine.md §2.2). */
  takeQuoted(): Literal | undefined {
    const start = this.position;
    const quote = this.text[start];
    if (quote !== '"' && quote !== "'") return undefined;
    let end = this.text.indexOf(quote, start + 1);
    while (end > 0 && this.text[end - 1] === '\\') end = this.text.indexOf(quote, end + 1);
    if (end < 0) return undefined;
    this.position = end + 1;
    const raw = this.text.slice(start + 1, end);
    const { text, bytes } = raw.includes('\\') ? this.#unescape(raw, quote) : { text: raw };
    this.lastToken = text;
    const span = this.span(start);
    return bytes === undefined
      ? { kind: 'literal', text, quoted: true, span }
      : { kind: 'literal', text, bytes, quoted: true, span };
  }

  /** `bytes` is set when hex escapes made it something that is not text. */
  #unescape(raw: string, quote: string): { text: string; bytes?: Uint8Array } {
    let text = '';
    let binary = false;
    const bytes: number[] = [];
    const add = (part: string): void => {
      text += part;
      bytes.push(...new TextEncoder().encode(part));
    };
    for (let at = 0; at < raw.length; at++) {
      if (raw[at] !== '\\') {
        const next = raw.indexOf('\\', at);
        add(raw.slice(at, next < 0 ? raw.length : next));
        at = (next < 0 ? raw.length : next) - 1;
        continue;
      }
      const char = raw[++at] ?? '';
      if (char === 'x') {
        const digits = raw.slice(at + 1, at + 3);
        if (digits.length < 2) this.fail('truncated hex char escape sequence');
        if (!/^[0-9a-fA-F]{2}$/.test(digits)) this.fail(`invalid hex char escape sequence: ${digits}`);
        const byte = Number.parseInt(digits, 16);
        binary ||= byte >= 0x80;
        bytes.push(byte);
        text += String.fromCharCode(byte);
        at += 2;
      } else {
        add(this.#simpleEscape(char, quote));
      }
    }
    if (!binary) return { text };
    const all = Uint8Array.from(bytes);
    // A byte order mark is part of the text.
    return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(all), bytes: all };
  }

  #simpleEscape(char: string, quote: string): string {
    const known = simpleEscapes[char];
    if (known !== undefined) return known;
    if (char === quote) return char;
    if (char === '"' || char === "'") this.fail(`invalid \\${char} escape in ${quote}-quoted string`);
    return this.fail(
      `unsupported string escape sequence: \\${char}`,
      `A backslash is written '\\\\' in a string; in a regex a class such as '[${char}]' or '[[:space:]]' needs none.`,
    );
  }
}

const simpleEscapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '/': '/',
  ' ': '\\',
};
