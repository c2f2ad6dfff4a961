/** Lines cut into documents of JSON: one on a line, several, or one over several lines, also behind the head of a log. */

/** An object or a list as it is written, or the rest of a line that holds none. */
export interface Piece {
  /** The line on which it begins, from 1. */
  readonly line: number;
  readonly text: string;
}

/** The documents, and what is none: what stands beside a document on its line is not told. */
export async function* documents(lines: AsyncIterable<string>): AsyncGenerator<Piece> {
  const cutter = new Cutter();
  for await (const line of lines) yield* cutter.add(line);
  yield* cutter.end();
}

/** A document that is open at the end of a line nests no deeper: each of its lines may have to be looked at again. */
const DEEPEST = 100;
const LIST = /[\s,]*\[(?=\s*(?:[[{\]]|$))/y;
const NOTHING = /^[\s,]*$/;

class Cutter {
  readonly #lines: string[] = [];
  /** The place of the line on which the open document begins, and its number. */
  #first = 0;
  #number = 1;
  /** The document begins here in that line. */
  #start = 0;
  #syntax: Syntax | undefined;
  /** What is looked at next: which of the lines, and where in it. */
  #next = 0;
  #at = 0;

  *add(line: string): Generator<Piece> {
    this.#lines.push(line);
    yield* this.#read();
  }

  /** What never ended was none: its first line is told, and the others may have documents. */
  *end(): Generator<Piece> {
    while (this.#syntax !== undefined) {
      yield this.#fail();
      yield* this.#read();
    }
  }

  *#read(): Generator<Piece> {
    for (let line = this.#lines[this.#next]; line !== undefined; line = this.#lines[this.#next]) {
      if (this.#syntax === undefined && !this.#begin(line)) {
        if (this.#at === 0 && !NOTHING.test(line)) yield { line: this.#number, text: line };
        this.#drop(1);
        continue;
      }
      const syntax = this.#syntax as unknown as Syntax;
      const end = syntax.read(line, this.#at);
      if (end === 'wrong' || (end === 'open' && syntax.depth > DEEPEST)) yield this.#fail();
      else if (end === 'open') [this.#next, this.#at] = [this.#next + 1, 0];
      else yield this.#ended(end);
    }
  }

  #begin(line: string): boolean {
    LIST.lastIndex = this.#at;
    const start = LIST.test(line) ? LIST.lastIndex - 1 : line.indexOf('{', this.#at);
    if (start < 0) return false;
    this.#start = this.#at = start;
    this.#syntax = new Syntax();
    return true;
  }

  #ended(end: number): Piece {
    const lines = this.#lines.slice(this.#first, this.#next + 1);
    lines.push((lines.pop() as string).slice(0, end));
    const piece = { line: this.#number, text: lines.join('\n').slice(this.#start) };
    this.#drop(this.#next - this.#first);
    this.#at = end;
    return piece;
  }

  #fail(): Piece {
    const piece = { line: this.#number, text: (this.#lines[this.#first] as string).slice(this.#start) };
    this.#drop(1);
    return piece;
  }

  #drop(count: number): void {
    this.#first += count;
    this.#number += count;
    // Taken out by halves: each line is moved once.
    if (this.#first * 2 >= this.#lines.length) {
      this.#lines.splice(0, this.#first);
      this.#first = 0;
    }
    this.#syntax = undefined;
    this.#next = this.#first;
    this.#at = 0;
  }
}

/** A mark, a text, or a number or word. */
const TOKEN = /[ \t\r]*(?:([[\]{},:])|("[^"\\]*(?:\\.[^"\\]*)*")|-?\d[\d.eE+-]*|true|false|null)/y;
const BLANK = /[ \t\r]*$/y;
const VALUE = '{["0';

/** Where a document ends, by its brackets, and that it is none as soon as that is sure. Numbers are not looked into. */
class Syntax {
  /** The brackets that end what is open. */
  readonly #open: string[] = [];
  /** The tokens that may come: marks, `"` for a text, `0` for a number or word. */
  #expected = '{[';

  get depth(): number {
    return this.#open.length;
  }

  /** Reads on from a place in a line: the place behind the document, or whether it goes on. */
  read(line: string, from: number): number | 'open' | 'wrong' {
    for (let at = from; ; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = BLANK.lastIndex = at;
      const token = TOKEN.exec(line);
      if (token === null) return BLANK.test(line) ? 'open' : 'wrong';
      const kind = token[1] ?? (token[2] === undefined ? '0' : '"');
      if (!this.#expected.includes(kind)) return 'wrong';
      this.#expected = this.#after(kind);
      if (this.#open.length === 0) return TOKEN.lastIndex;
    }
  }

  #after(kind: string): string {
    if (kind === '{') return this.#opened('}', '"}');
    if (kind === '[') return this.#opened(']', `${VALUE}]`);
    if (kind === ':') return VALUE;
    if (kind === ',') return this.#open.at(-1) === '}' ? '"' : VALUE;
    // Where a text may come, and no other value, it is a key.
    if (kind === '"' && !this.#expected.includes('0')) return ':';
    if (kind === '}' || kind === ']') this.#open.pop();
    return `,${this.#open.at(-1) ?? ''}`;
  }

  #opened(end: string, expected: string): string {
    this.#open.push(end);
    return expected;
  }
}
