/**
 * Reads the YAML that rules files are written in much faster than the yaml library does, into the library's own nodes: a
 * list of mappings of plain, quoted and block scalars, `[…]`, lists and mappings of these, with anchors and aliases of what
 * belongs to a key. Whatever else a file has (tags, tabs, `{…}`, several documents, mistakes) is left to the library: then
 * nothing is read here.
 */

import { Alias, CST, type Scalar, type YAMLSeq } from 'yaml';
import { PlainMap, PlainPair, PlainScalar, PlainSeq } from './plain-nodes.ts';

/** Reads a file; undefined where the library has to. Yields after each item of the list. */
export function* readPlainYaml(content: string): Generator<void, YAMLSeq | undefined> {
  if (UNUSUAL.test(content)) return undefined;
  const reader = new Reader(content);
  try {
    return (yield* reader.items()) as unknown as YAMLSeq;
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

/** Carriage returns, tabs, a byte order mark; directives and marks of documents. */
const UNUSUAL = /[\r\t\0\ufeff]|^(?:%|---|\.\.\.)/m;
const NOT_PLAIN = new Error('for the library to read');

const KEY = /[a-z_][a-z0-9_-]*(?=:(?:[ \n]|$))/y;
/** Lines that say nothing, and how far the next one is indented. */
const TO_NEXT_LINE = /(?: *(?:#[^\n]*)?\n)* */y;
/** What may stand behind a value on its line. */
const LINE_END = /(?: +(?:#[^\n]*)?)?(?:\n|$)/y;
const BLOCK_HEADER = /[|>]-? *\n/y;
/** A plain scalar begins with none of the indicators; within `[…]` it holds no comma or bracket. */
const FLOW_PLAIN =
  /(?:[^-?:,[\]{}#&*!|>'"%@`\s]|-(?=[^\s,[\]{}-]))(?:[^\s:,[\]{}]|:(?=[^\s,[\]{}])| +(?=[^\s#,[\]{}:]))*/y;
const PLAIN_START = /[^-?:,[\]{}#&*!|>'"%@`\s]|-(?=[^\s,[\]{}-])/y;
const BLOCK_PLAIN = /(?:[^\s:]|:(?=[^\s])| +(?=[^\s#:]| *:(?=[^\s])))+/y;
/** From the end of a line of a plain scalar to the next one that is not blank. */
const GOES_ON = /(?: *\n)+ */y;
const DOUBLE_QUOTED = /"(?:[^"\\]|\\[\s\S])*"/y;
const SINGLE_QUOTED = /'(?:[^']|'')*'/y;

/** Of what begins on the next line. */
const ANCHOR = / *&([a-z0-9_]+)(?= *(?:#[^\n]*)?\n)/iy;
const ALIAS = /\*[a-z0-9_]+/iy;

type Node = Alias | PlainScalar | PlainMap | PlainSeq;

class Reader {
  readonly #content: string;
  #at = 0;
  /** Behind the line of the value that was read last: its list or mapping ends there. */
  #after = 0;
  /** How deep the reader is in brackets. */
  #depth = 0;

  constructor(content: string) {
    this.#content = content;
  }

  *items(): Generator<void, PlainSeq> {
    let indent = this.#indent();
    const root = new PlainSeq(this.#at, this.#at);
    while (indent >= 0) {
      if (indent > 0) this.#leave();
      root.items.push(this.#entry(0));
      root.end = this.#after;
      yield;
      indent = this.#indent();
    }
    // An empty file is no list.
    if (root.items.length === 0) this.#leave();
    return root;
  }

  #leave(): never {
    throw NOT_PLAIN;
  }

  #isAt(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#content);
  }

  /** Reads what a sticky pattern matches here. */
  #take(pattern: RegExp): string | undefined {
    const start = this.#at;
    if (!this.#isAt(pattern)) return undefined;
    this.#at = pattern.lastIndex;
    return this.#content.slice(start, this.#at);
  }

  #skip(pattern: RegExp): void {
    if (!this.#isAt(pattern)) this.#leave();
    this.#at = pattern.lastIndex;
  }

  #skipBlanks(): void {
    const content = this.#content;
    let at = this.#at;
    while (content[at] === ' ') at++;
    this.#at = at;
  }

  /** How far the next line that says something is indented; -1 at the end. It stays in front of that line. */
  #indent(): number {
    const content = this.#content;
    TO_NEXT_LINE.lastIndex = this.#at;
    TO_NEXT_LINE.test(content);
    const at = TO_NEXT_LINE.lastIndex;
    // Blanks or a comment in the last line.
    if (at === content.length || content[at] === '#') {
      this.#at = content.length;
      return -1;
    }
    this.#at = Math.max(this.#at, content.lastIndexOf('\n', at - 1) + 1);
    return at - this.#at;
  }

  /** `- VALUE`: the dash is at `indent`, and the reader at the beginning of its line. */
  #entry(indent: number): Node {
    const dash = this.#at + indent;
    if (!this.#content.startsWith('- ', dash)) this.#leave();
    this.#at = dash + 2;
    this.#skipBlanks();
    const key = this.#take(KEY);
    return key === undefined ? this.#value(indent) : this.#map(key, indent + this.#at - key.length - dash);
  }

  /** Keys that begin in column `indent`; the reader is behind the first. */
  #map(first: string, indent: number): PlainMap {
    let key = first;
    const map = new PlainMap(this.#at - key.length, this.#at);
    for (;;) {
      // The library looks no further than 1024 letters for the colon.
      if (key.length > 1000) this.#leave();
      const start = this.#at - key.length;
      this.#at++;
      map.items.push(new PlainPair(key, start, this.#valueOf(indent)));
      map.end = this.#after;
      const next = this.#indent();
      if (next > indent) this.#leave();
      if (next < indent) return map;
      this.#at += indent;
      key = this.#take(KEY) ?? this.#leave();
    }
  }

  /** The value behind the colon of a key in column `indent`: on the same line, or on the next ones. */
  #valueOf(indent: number): Node {
    const content = this.#content;
    const colon = this.#at;
    this.#skipBlanks();
    const char = content[this.#at];
    let anchor: string | undefined;
    if (char === '&') {
      anchor = (this.#take(ANCHOR) ?? this.#leave()).slice(1);
      this.#skip(LINE_END);
      this.#at--;
    } else if (char !== undefined && char !== '\n' && (char !== '#' || this.#at === colon)) {
      return this.#value(indent);
    }
    const next = this.#indent();
    if (next < indent) this.#leave();
    if (content.startsWith('- ', this.#at + next)) {
      const list = this.#list(next);
      if (anchor !== undefined) list.anchor = anchor;
      return list;
    }
    if (next === indent || anchor !== undefined) this.#leave();
    this.#at += next;
    const key = this.#take(KEY);
    return key === undefined ? this.#value(indent) : this.#map(key, next);
  }

  #list(indent: number): PlainSeq {
    const list = new PlainSeq(this.#at + indent, this.#at + indent);
    do {
      list.items.push(this.#entry(indent));
      list.end = this.#after;
    } while (this.#indent() === indent && this.#content.startsWith('- ', this.#at + indent));
    return list;
  }

  /** A value that begins here and belongs to what is in column `indent`. */
  #value(indent: number): Node {
    switch (this.#content[this.#at]) {
      case '|':
      case '>':
        return this.#block(indent);
      case '[':
        return this.#endOfLine(this.#flow(indent));
      case '"':
      case "'":
        return this.#endOfLine(this.#quoted(indent));
      case '*': {
        const start = this.#at;
        const alias = new Alias((this.#take(ALIAS) ?? this.#leave()).slice(1));
        alias.range = [start, this.#at, this.#at];
        return this.#endOfLine(alias);
      }
      default:
        return this.#endOfLine(this.#plain(indent));
    }
  }

  /** Nothing but a comment follows on the line; the library counts it as part of the value. */
  #endOfLine<T extends Node>(node: T): T {
    if (this.#content[this.#at] === '\n') this.#at++;
    else this.#skip(LINE_END);
    this.#after = this.#at;
    return node;
  }

  #plain(indent: number): PlainScalar {
    const content = this.#content;
    const start = this.#at;
    if (!this.#isAt(PLAIN_START)) this.#leave();
    this.#skip(BLOCK_PLAIN);
    let text = content.slice(start, this.#at);
    // It goes on in the lines that are further to the right.
    while (this.#isAt(GOES_ON)) {
      const at = GOES_ON.lastIndex;
      const line = content.lastIndexOf('\n', at - 1) + 1;
      if (at - line <= indent || at === content.length || content[at] === '#') break;
      const lines = breaksIn(content, this.#at, line);
      this.#at = at;
      this.#skip(BLOCK_PLAIN);
      // One line break is a blank, each further one a line break.
      text += (lines === 1 ? ' ' : '\n'.repeat(lines - 1)) + content.slice(at, this.#at);
    }
    return new PlainScalar(text, 'PLAIN', start, this.#at);
  }

  #quoted(indent: number): PlainScalar {
    const start = this.#at;
    const isDouble = this.#content[start] === '"';
    this.#skip(isDouble ? DOUBLE_QUOTED : SINGLE_QUOTED);
    const source = this.#content.slice(start, this.#at);
    const inner = source.slice(1, -1);
    // Without escapes and line ends a text is what is written.
    if (!inner.includes('\n') && !inner.includes(isDouble ? '\\' : "'")) {
      return new PlainScalar(inner, isDouble ? 'QUOTE_DOUBLE' : 'QUOTE_SINGLE', start, this.#at);
    }
    for (const line of source.split('\n').slice(1)) {
      if (/[^ ]/.test(line) && line.search(/[^ ]/) <= indent) this.#leave();
    }
    const type = isDouble ? 'double-quoted-scalar' : 'single-quoted-scalar';
    const token: CST.FlowScalar = { type, offset: start, indent: 0, source };
    const resolved = CST.resolveAsScalar(token, true, () => this.#leave());
    if (resolved === null || resolved.type === null) return this.#leave();
    return new PlainScalar(resolved.value, resolved.type as Scalar.Type, start, this.#at);
  }

  /** `>` or `|` and the lines that are further to the right. */
  #block(indent: number): PlainScalar {
    const content = this.#content;
    const start = this.#at;
    const isFolded = content[start] === '>';
    const keepsEnd = content[start + 1] !== '-';
    this.#skip(BLOCK_HEADER);
    let depth = -1;
    let end = this.#at;
    let text = '';
    // Line breaks since the last line with something in it, and whether that was indented further than the first.
    let breaks = 0;
    let wasInner = false;
    for (let at = end; at < content.length; ) {
      const newline = content.indexOf('\n', at);
      const next = newline < 0 ? content.length : newline + 1;
      const lineStart = at;
      while (content[at] === ' ') at++;
      if (at === newline) {
        // Blanks alone in a line may count.
        if (at > lineStart) this.#leave();
        breaks++;
      } else if (at === content.length) {
        this.#leave();
      } else {
        const isFirst = depth < 0;
        if (isFirst) depth = at - lineStart;
        if (at - lineStart < depth || depth <= indent) break;
        const isInner = at - lineStart > depth;
        // Lines are joined by a blank; where they are empty, or indented further, their breaks stay.
        if (isFirst) text = '\n'.repeat(breaks);
        else if (!isFolded || isInner || wasInner) text += '\n'.repeat(breaks);
        else text += breaks === 1 ? ' ' : '\n'.repeat(breaks - 1);
        text += content.slice(lineStart + depth, newline < 0 ? content.length : newline);
        breaks = 1;
        wasInner = isInner;
        end = next;
      }
      at = next;
    }
    if (depth < 0 || end === this.#at) this.#leave();
    this.#at = this.#after = end;
    if (keepsEnd) text += '\n';
    return new PlainScalar(text, isFolded ? 'BLOCK_FOLDED' : 'BLOCK_LITERAL', start, end);
  }

  /** `[…]`, over as many lines as it takes. */
  #flow(indent: number): PlainSeq {
    const list = new PlainSeq(this.#at, this.#at);
    this.#depth++;
    do {
      this.#at++;
      if (this.#between(indent) === ']') break;
      list.items.push(this.#flowItem(indent));
    } while (this.#between(indent) === ',');
    if (this.#content[this.#at] !== ']') this.#leave();
    this.#depth--;
    list.end = ++this.#at;
    return list;
  }

  #flowItem(indent: number): Node {
    const start = this.#at;
    const text = this.#take(FLOW_PLAIN);
    if (text !== undefined) return new PlainScalar(text, 'PLAIN', start, this.#at);
    const char = this.#content[start];
    if (char === '[') return this.#flow(indent);
    if (char !== '"' && char !== "'") this.#leave();
    const found = this.#quoted(indent);
    if (!/[\s,\]]/.test(this.#content[this.#at] ?? '')) this.#leave();
    return found;
  }

  /**
   * Blanks, line ends and comments, and what follows: each line has to be further to the right than `indent`, but for the
   * last bracket.
   */
  #between(indent: number): string {
    const content = this.#content;
    let at = this.#at;
    for (;;) {
      const from = at;
      while (content[at] === ' ') at++;
      const isLine = content[from - 1] === '\n';
      const char = content[at];
      if (char === '#') {
        if (!isLine && at === from) this.#leave();
        at = content.indexOf('\n', at);
        if (at < 0) this.#leave();
      } else if (char === undefined) {
        this.#leave();
      } else if (char !== '\n') {
        const least = char === ']' && this.#depth === 1 ? indent : indent + 1;
        if (isLine && at - from < least) this.#leave();
        this.#at = at;
        return char;
      }
      at++;
    }
  }
}

/** How many line ends there are from `start` to `end`. */
function breaksIn(content: string, start: number, end: number): number {
  let count = 0;
  for (let at = content.indexOf('\n', start); at >= 0 && at < end; at = content.indexOf('\n', at + 1)) count++;
  return count;
}
