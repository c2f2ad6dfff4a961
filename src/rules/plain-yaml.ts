/**
 * Reads the YAML that rules files are written in much faster than the yaml library does, into the library's own nodes: a
 * list of mappings of plain, quoted and block scalars, `[…]`, lists and mappings of these, with anchors and aliases of what
 * belongs to a key. Whatever else a file has (tags, tabs, `{…}`, several documents, mistakes) is left to the library: then
 * nothing is read here.
 */

import { Alias, CST, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';

/** Reads a file; undefined where the library has to. Yields after each item of the list. */
export function* readPlainYaml(content: string): Generator<void, YAMLSeq | undefined> {
  if (UNUSUAL.test(content)) return undefined;
  const reader = new Reader(content);
  try {
    return yield* reader.items();
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

/** Carriage returns, tabs, a byte order mark; directives and marks of documents. */
const UNUSUAL = /[\r\t\0\ufeff]|^(?:%|---|\.\.\.)/m;
const NOT_PLAIN = new Error('for the library to read');

const KEY = /[a-z_][a-z0-9_-]*(?=:(?:[ \n]|$))/y;
const BLANK_LINES = /(?: *(?:#[^\n]*)?\n)*/y;
/** What may stand behind a value on its line. */
const LINE_END = /(?: +(?:#[^\n]*)?)?(?:\n|$)/y;
const BLOCK_HEADER = /[|>]-?(?: *\n)/y;
/** A plain scalar begins with none of the indicators; within `[…]` it holds no comma or bracket. */
const PLAIN_START = /[^-?:,[\]{}#&*!|>'"%@`\s]|-(?=[^\s,[\]{}-])/y;
const FLOW_PLAIN = /(?:[^\s:,[\]{}]|:(?=[^\s,[\]{}])| +(?=[^\s#,[\]{}:]))+/y;
const BLOCK_PLAIN = /(?:[^\s:]|:(?=[^\s])| +(?=[^\s#:]| *:(?=[^\s])))+/y;

/** Of what begins on the next line. */
const ANCHOR = / +&([a-z0-9_]+)(?= *(?:#[^\n]*)?\n)/iy;
const ALIAS = /\*[a-z0-9_]+/iy;

type Node = Alias | Scalar | YAMLMap | YAMLSeq;

class Reader {
  readonly #content: string;
  #at = 0;
  /** How deep the reader is in brackets. */
  #depth = 0;

  constructor(content: string) {
    this.#content = content;
  }

  *items(): Generator<void, YAMLSeq> {
    this.#skip(BLANK_LINES);
    const root = new YAMLSeq();
    const start = this.#at;
    let end = start;
    while (this.#at < this.#content.length) {
      const item = this.#entry(0);
      end = item.range?.[2] ?? end;
      root.items.push(item);
      yield;
      if (this.#indent() > 0) this.#leave();
    }
    // An empty file is no list.
    if (root.items.length === 0) this.#leave();
    return ranged(root, start, end);
  }

  #leave(): never {
    throw NOT_PLAIN;
  }

  /** Reads what a sticky pattern matches here. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#content)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#content)) this.#leave();
    this.#at = pattern.lastIndex;
  }

  /** How far the next line that says something is indented; -1 at the end. It stays in front of that line. */
  #indent(): number {
    this.#skip(BLANK_LINES);
    let at = this.#at;
    while (this.#content[at] === ' ') at++;
    // Blanks or a comment in the last line.
    if (at === this.#content.length || this.#content[at] === '#') this.#at = this.#content.length;
    return this.#at === this.#content.length ? -1 : at - this.#at;
  }

  /** `- VALUE`: the dash is at `indent`, and the reader at the beginning of its line. */
  #entry(indent: number): Node {
    this.#at += indent;
    if (!this.#content.startsWith('- ', this.#at)) this.#leave();
    const dash = this.#at;
    this.#at++;
    while (this.#content[this.#at] === ' ') this.#at++;
    if (this.#isAt(KEY)) return this.#map(indent + this.#at - dash);
    return this.#value(indent);
  }

  #isAt(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#content);
  }

  /** Keys that begin in column `indent`; the reader is at the first. */
  #map(indent: number): YAMLMap {
    const map = new YAMLMap();
    const start = this.#at;
    let end = start;
    for (let isMore = true; isMore; ) {
      const keyStart = this.#at;
      const key = this.#take(KEY) ?? this.#leave();
      // The library looks no further than 1024 letters for the colon.
      if (key.length > 1000) this.#leave();
      this.#at++;
      const value = this.#valueOf(indent);
      map.items.push(new Pair(scalar(key, 'PLAIN', keyStart, keyStart + key.length), value));
      end = value.range?.[2] ?? end;
      const next = this.#indent();
      if (next > indent) this.#leave();
      isMore = next === indent;
      if (isMore) this.#at += indent;
    }
    return ranged(map, start, end);
  }

  /** The value behind the colon of a key in column `indent`: on the same line, or on the next ones. */
  #valueOf(indent: number): Node {
    const anchor = this.#take(ANCHOR)?.trim().slice(1);
    const line = this.#at;
    if (this.#take(LINE_END) === undefined) {
      if (anchor !== undefined) this.#leave();
      while (this.#content[this.#at] === ' ') this.#at++;
      return this.#value(indent);
    }
    if (this.#content[this.#at - 1] !== '\n') this.#at = line;
    const next = this.#indent();
    if (next < indent) this.#leave();
    if (this.#content.startsWith('- ', this.#at + next)) {
      const list = this.#list(next);
      if (anchor !== undefined) list.anchor = anchor;
      return list;
    }
    if (next === indent || anchor !== undefined) this.#leave();
    this.#at += next;
    return this.#isAt(KEY) ? this.#map(next) : this.#value(indent);
  }

  #list(indent: number): YAMLSeq {
    const list = new YAMLSeq();
    const start = this.#at + indent;
    let end = start;
    do {
      const entry = this.#entry(indent);
      list.items.push(entry);
      end = entry.range?.[2] ?? end;
    } while (this.#indent() === indent && this.#content.startsWith('- ', this.#at + indent));
    return ranged(list, start, end);
  }

  /** A value that begins here and belongs to what is in column `indent`. */
  #value(indent: number): Node {
    switch (this.#content[this.#at]) {
      case '|':
      case '>':
        return this.#block(indent);
      case '[': {
        const list = this.#flow(indent);
        return this.#endOfLine(list);
      }
      case '"':
      case "'":
        return this.#endOfLine(this.#quoted(indent));
      case '*': {
        const start = this.#at;
        const alias = new Alias((this.#take(ALIAS) ?? this.#leave()).slice(1));
        return this.#endOfLine(ranged(alias, start, this.#at));
      }
      default:
        return this.#endOfLine(this.#plain(indent));
    }
  }

  /** Nothing but a comment follows on the line; the library counts it as part of the value. */
  #endOfLine<T extends Node>(node: T): T {
    this.#skip(LINE_END);
    const [start, end] = node.range as [number, number, number];
    node.range = [start, end, this.#at];
    return node;
  }

  #plain(indent: number): Scalar {
    const start = this.#at;
    if (!this.#isAt(PLAIN_START)) this.#leave();
    this.#skip(BLOCK_PLAIN);
    // It goes on in the lines that are further to the right.
    for (;;) {
      const end = this.#at;
      if (this.#content[end] !== '\n' && !/^ +\n/.test(this.#content.slice(end, end + 200))) break;
      const before = this.#at;
      this.#at = this.#content.indexOf('\n', end) + 1;
      while (this.#take(/ *\n/y) !== undefined);
      let at = this.#at;
      while (this.#content[at] === ' ') at++;
      const isMore = at - this.#at > indent && at < this.#content.length && this.#content[at] !== '#';
      if (!isMore) {
        this.#at = before;
        break;
      }
      this.#at = at;
      this.#skip(BLOCK_PLAIN);
    }
    return this.#resolved('scalar', start, this.#at);
  }

  #quoted(indent: number): Scalar {
    const quote = this.#content[this.#at] as string;
    const start = this.#at;
    this.#skip(quote === '"' ? /"(?:[^"\\]|\\[\s\S])*"/y : /'(?:[^']|'')*'/y);
    const source = this.#content.slice(start, this.#at);
    for (const line of source.split('\n').slice(1)) {
      if (/[^ ]/.test(line) && line.search(/[^ ]/) <= indent) this.#leave();
    }
    return this.#resolved(quote === '"' ? 'double-quoted-scalar' : 'single-quoted-scalar', start, this.#at);
  }

  #resolved(type: CST.FlowScalar['type'], start: number, end: number): Scalar {
    const source = this.#content.slice(start, end);
    // Without escapes and line ends a text is what is written.
    if (!/[\n\\]|.'./.test(source)) {
      if (type === 'scalar') return scalar(source, 'PLAIN', start, end);
      return scalar(source.slice(1, -1), type === 'double-quoted-scalar' ? 'QUOTE_DOUBLE' : 'QUOTE_SINGLE', start, end);
    }
    return this.#scalarOf({ type, offset: start, indent: 0, source }, start, end);
  }

  #scalarOf(token: CST.FlowScalar | CST.BlockScalar, start: number, end: number): Scalar {
    const resolved = CST.resolveAsScalar(token, true, () => this.#leave());
    if (resolved === null || resolved.type === null) return this.#leave();
    return scalar(resolved.value, resolved.type, start, end);
  }

  /** `>` or `|` and the lines that are further to the right. */
  #block(indent: number): Scalar {
    const start = this.#at;
    const header = this.#take(BLOCK_HEADER) ?? this.#leave();
    const from = this.#at;
    let depth = -1;
    let end = from;
    while (this.#at < this.#content.length) {
      const newline = this.#content.indexOf('\n', this.#at);
      const next = newline < 0 ? this.#content.length : newline + 1;
      let at = this.#at;
      while (this.#content[at] === ' ') at++;
      if (at === newline || at === this.#content.length) {
        // Blanks alone in a line may count.
        if (at > this.#at) this.#leave();
      } else {
        if (depth < 0) depth = at - this.#at;
        if (at - this.#at < depth || depth <= indent) break;
        end = next;
      }
      this.#at = next;
    }
    if (end === from) this.#leave();
    this.#at = end;
    const props: CST.SourceToken[] = [
      { type: 'block-scalar-header', offset: start, indent, source: header.trimEnd() },
      { type: 'newline', offset: start, indent, source: header.slice(header.trimEnd().length) },
    ];
    const source = this.#content.slice(from, end);
    return this.#scalarOf({ type: 'block-scalar', offset: start, indent, props, source }, start, end);
  }

  /** `[…]`, over as many lines as it takes. */
  #flow(indent: number): YAMLSeq {
    const list = new YAMLSeq();
    const start = this.#at++;
    this.#depth++;
    for (;;) {
      this.#between(indent);
      if (this.#content[this.#at] === ']') break;
      list.items.push(this.#flowItem(indent));
      this.#between(indent);
      if (this.#content[this.#at] === ']') break;
      if (this.#content[this.#at] !== ',') this.#leave();
      this.#at++;
    }
    this.#at++;
    this.#depth--;
    return ranged(list, start, this.#at);
  }

  #flowItem(indent: number): Node {
    const char = this.#content[this.#at];
    if (char === '[') return this.#flow(indent);
    if (char === '"' || char === "'") {
      const found = this.#quoted(indent);
      if (!/[\s,\]]/.test(this.#content[this.#at] ?? '')) this.#leave();
      return found;
    }
    const start = this.#at;
    if (!this.#isAt(PLAIN_START)) this.#leave();
    this.#skip(FLOW_PLAIN);
    return this.#resolved('scalar', start, this.#at);
  }

  /** Blanks, line ends and comments; each line has to be further to the right than `indent`, but for the last bracket. */
  #between(indent: number): void {
    for (;;) {
      const from = this.#at;
      while (this.#content[this.#at] === ' ') this.#at++;
      const isLine = from > 0 && this.#content[from - 1] === '\n';
      const char = this.#content[this.#at];
      if (char === '#') {
        if (!isLine && this.#at === from) this.#leave();
        this.#at = this.#content.indexOf('\n', this.#at);
        if (this.#at < 0) this.#leave();
      } else if (char === undefined) {
        this.#leave();
      } else if (char !== '\n') {
        const least = char === ']' && this.#depth === 1 ? indent : indent + 1;
        if (isLine && this.#at - from < least) this.#leave();
        return;
      }
      this.#at++;
    }
  }
}

function scalar(value: string, type: Scalar.Type, start: number, end: number): Scalar {
  const node = new Scalar(value);
  node.source = value;
  node.type = type;
  return ranged(node, start, end);
}

function ranged<T extends Node>(node: T, start: number, end: number): T {
  node.range = [start, end, end];
  return node;
}
