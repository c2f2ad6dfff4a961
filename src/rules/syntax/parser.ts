/** Parses conditions (spec/falco-engine.md §2.1): recursive descent, operators tried in Falco's order. */

import {
  type Literal,
  listOperators,
  type Modifier,
  type Operator,
  orderingOperators,
  type Span,
  textOperators,
} from '../language.ts';
import type { ListFeed } from '../lists/list-feed.ts';
import type { Check, Expr, FeedRef, ListName, LiteralList, Right, Term } from './ast.ts';
import { hintAfter, ITEMS, isUnclosed, numberHint, operatorHint, valueHint } from './parse-hints.ts';
import { Problem } from './problem.ts';
import { type TermOptions, TermParser } from './term-parser.ts';
import { identifier, modifierWord, number, operatorError, valueError, wordOperator } from './tokens.ts';

export interface ParseOptions extends TermOptions {
  /** Lists that come from elsewhere, by their names. */
  readonly feed?: (name: string) => ListFeed | undefined;
}

/** Parses a condition. Throws a Problem whose span is the place in the text. */
export function parseCondition(text: string, options: ParseOptions = {}): Expr {
  if (text === '') {
    throw new Problem('parse', 'filter input string is empty', { start: 0, end: 1 }, { hint: 'Write a condition.' });
  }
  return new Parser(text, options).parse();
}

/** Parses a field or transformer that is the whole text; undefined when it is anything else. */
export function parseTerm(text: string, options: ParseOptions = {}): Term | undefined {
  try {
    return new TermParser(text, options).parseWholeTerm();
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

/** Parses the longest field or transformer at an offset of a text; a format's `%` stands before it. */
export function parseTermAt(text: string, offset: number): { term: Term; end: number } {
  return new TermParser(text, {}).parseTermAt(offset);
}

const CLOSING = "expected a ')' token";
const signs = ['==', '=', '!='] as const;
const textWords: ReadonlySet<string> = new Set(textOperators);
const negation = /not[ \t\b\r\n]/y;
const andOr = /(?:and|or)(?![a-zA-Z0-9_])/y;

class Parser extends TermParser {
  readonly #feed: ParseOptions['feed'];

  constructor(text: string, options: ParseOptions) {
    super(text, options);
    this.#feed = options.feed;
  }

  parse(): Expr {
    const scanner = this.scanner;
    scanner.skipBlanks();
    const expr = this.#junction('or');
    if (!scanner.atEnd) {
      scanner.fail(`unexpected token after '${scanner.lastToken}', expecting 'or', 'and'`, hintAfter(scanner));
    }
    return expr;
  }

  #operand(kind: 'and' | 'or'): Expr {
    return kind === 'or' ? this.#junction('and') : this.#not();
  }

  /** Blanks before it are read already, as before all below. */
  #junction(kind: 'and' | 'or'): Expr {
    this.enter();
    const scanner = this.scanner;
    const start = scanner.position;
    let last = this.#operand(kind);
    let items: Expr[] | undefined;
    scanner.skipBlanks();
    while (scanner.takeWord(kind)) {
      items ??= [last];
      if (scanner.skipBlanks()) last = this.#operand(kind);
      else if (scanner.takeChar('(')) last = this.#parenthesised();
      else scanner.fail(`expected blank or '(' after '${kind}'`, hintAfter(scanner));
      items.push(last);
      scanner.skipBlanks();
    }
    return this.leave(items === undefined ? last : { kind, items, span: { start, end: last.span.end } });
  }

  #not(): Expr {
    this.enter();
    const scanner = this.scanner;
    const start = scanner.position;
    let negated = false;
    while (scanner.next === 'n' && scanner.peek(negation)) {
      scanner.takeWord('not');
      scanner.skipBlanks();
      negated = !negated;
    }
    let item: Expr;
    if (scanner.takeWord('not(')) {
      negated = !negated;
      item = this.#parenthesised();
    } else {
      item = this.#check();
    }
    return this.leave(negated ? { kind: 'not', item, span: scanner.span(start) } : item);
  }

  /** What follows an opening parenthesis that is already read. */
  #parenthesised(): Expr {
    this.enter();
    const scanner = this.scanner;
    const opening = scanner.position - 1;
    scanner.skipBlanks();
    const expr = this.#junction('or');
    scanner.skipBlanks();
    if (!scanner.takeChar(')')) {
      if (scanner.atEnd) scanner.failUnclosed(CLOSING, opening, 'This ( is never closed.');
      scanner.fail(CLOSING, hintAfter(scanner));
    }
    return this.leave(expr);
  }

  #check(): Expr {
    this.enter();
    const scanner = this.scanner;
    const start = scanner.position;
    if (scanner.takeChar('(')) return this.leave(this.#parenthesised());
    const left = this.leftTermOrName();
    if (typeof left === 'string') return this.leave({ kind: 'macro', name: left, span: scanner.span(start) });
    if (left !== undefined) return this.leave(this.#comparison(left, start));
    return scanner.fail("expected a '(' token, a field check, or an identifier", hintAfter(scanner));
  }

  #comparison(left: Term, start: number): Check {
    const scanner = this.scanner;
    scanner.skipBlanks();
    if (scanner.takeWord('exists')) return { kind: 'exists', left, span: scanner.span(start) };
    const ordering = scanner.takeOneOf(orderingOperators);
    if (ordering !== undefined) {
      this.enter();
      return this.leave(this.#finish(left, ordering, this.#orderingRight(), start));
    }
    const list = scanner.takeOneOf(listOperators);
    if (list !== undefined) {
      this.enter();
      return this.leave(this.#finish(left, list, this.#listRight(), start));
    }
    const text = this.#textOperator();
    if (text !== undefined) {
      this.enter();
      return this.leave(this.#textComparison(left, text, start));
    }
    return scanner.fail(operatorError, operatorHint(scanner));
  }

  #finish(left: Term, operator: Operator, right: Right, start: number): Check {
    return { kind: 'compare', left, operator, right, span: { start, end: right.span.end } };
  }

  #textOperator(): Operator | undefined {
    const scanner = this.scanner;
    const sign = scanner.takeOneOf(signs);
    if (sign !== undefined) return sign;
    const start = scanner.position;
    const word = scanner.take(wordOperator);
    if (word !== undefined && textWords.has(word)) return word as Operator;
    scanner.position = start;
    return undefined;
  }

  #textComparison(left: Term, operator: Operator, start: number): Check {
    const scanner = this.scanner;
    const afterOperator = scanner.position;
    const mayBe = scanner.skipBlanks() && (scanner.next === 'o' || scanner.next === 'a');
    const modifier = mayBe ? (scanner.take(modifierWord) as Modifier | undefined) : undefined;
    if (modifier !== undefined) {
      scanner.skipBlanks();
      // `and` and `or` go on with the condition: the modifier was an ordinary value.
      const right = this.#literalList() ?? (scanner.peek(andOr) ? undefined : this.#listName());
      if (right !== undefined) return { ...this.#finish(left, operator, right, start), modifier } as Check;
      scanner.position = afterOperator;
    }
    scanner.skipBlanks();
    const right = this.value() ?? scanner.fail(`expected a string value ${valueError}`, valueHint(scanner));
    return this.#finish(left, operator, right, start);
  }

  #orderingRight(): Right {
    const scanner = this.scanner;
    scanner.skipBlanks();
    const start = scanner.position;
    const term = this.rightTerm();
    if (term !== undefined) return term;
    const text = scanner.take(number) ?? scanner.fail(`expected a number value ${valueError}`, numberHint(scanner));
    return { kind: 'literal', text, quoted: false, span: scanner.span(start) };
  }

  #listRight(): Right {
    this.scanner.skipBlanks();
    return (
      this.#literalList() ??
      this.rightTerm() ??
      this.#listName() ??
      this.scanner.fail(`expected a list, an identifier, ${valueError}`, valueHint(this.scanner))
    );
  }

  #literalList(): LiteralList | undefined {
    const scanner = this.scanner;
    const start = scanner.position;
    if (!scanner.takeChar('(')) return undefined;
    this.enter();
    const items: Literal[] = [];
    scanner.skipBlanks();
    const first = this.literal();
    if (first !== undefined) {
      items.push(first);
      scanner.skipBlanks();
      while (scanner.takeChar(',')) {
        scanner.skipBlanks();
        items.push(this.literal() ?? scanner.fail('expected a string value', ITEMS));
        scanner.skipBlanks();
      }
    }
    if (!scanner.takeChar(')')) {
      if (isUnclosed(scanner)) scanner.failUnclosed(CLOSING, start, 'This list is never closed: a ) ends it.');
      scanner.fail(CLOSING, ITEMS);
    }
    return this.leave(this.#listOf(items, scanner.span(start)));
  }

  /** Names of lists that come from elsewhere are not items: they stand for theirs. */
  #listOf(all: readonly Literal[], span: Span): LiteralList {
    if (this.#feed === undefined) return { kind: 'list', items: all, span };
    const items: Literal[] = [];
    const feeds: FeedRef[] = [];
    for (const each of all) {
      const feed = each.quoted ? undefined : this.#feed(each.text);
      if (feed === undefined) items.push(each);
      else feeds.push({ kind: 'feed', feed, span: each.span });
    }
    return feeds.length === 0 ? { kind: 'list', items, span } : { kind: 'list', items, feeds, span };
  }

  #listName(): ListName | LiteralList | undefined {
    const scanner = this.scanner;
    const start = scanner.position;
    const name = scanner.take(identifier);
    if (name === undefined) return undefined;
    const span = scanner.span(start);
    if (this.#feed?.(name) === undefined) return { kind: 'listName', name, span };
    return this.#listOf([{ kind: 'literal', text: name, quoted: false, span }], span);
  }
}
