/** Parses conditions (spec/falco-engine.md §2.1): recursive descent, operators tried in Falco's order. */

import type {
  Argument,
  ArgumentList,
  Check,
  Expr,
  FeedRef,
  FieldTerm,
  ListName,
  Literal,
  LiteralList,
  Modifier,
  Operator,
  Right,
  Span,
  Term,
  TransformerName,
  TransformerTerm,
} from './ast.ts';
import { listOperators, orderingOperators, textOperators } from './ast.ts';
import type { ListFeed } from './list-feed.ts';
import { hintAfter } from './parse-hints.ts';
import { Problem } from './problem.ts';
import type { ScannedText } from './scanner.ts';
import { Scanner } from './scanner.ts';
import {
  argumentError,
  elementError,
  fieldArgument,
  fieldName,
  identifier,
  modifierWord,
  number,
  operatorAhead,
  operatorError,
  rightTransformerStart,
  transformerStart,
  valueError,
  wordOperator,
} from './tokens.ts';

export interface ParseOptions {
  /** How deep expressions may nest, each operator, parenthesis and value counted; default 100, rules use 1000. */
  readonly maxDepth?: number;
  /** Which names without a dot are fields: those of our event source `alert`. */
  readonly bareField?: (name: string) => boolean;
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
    return new Parser(text, options).parseWholeTerm();
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

/** Parses the longest field or transformer at an offset of a text; a format's `%` stands before it. */
export function parseTermAt(text: string, offset: number): { term: Term; end: number } {
  return new Parser(text, {}).parseTermAt(offset);
}

class Parser {
  readonly #scanner: Scanner;
  readonly #maxDepth: number;
  readonly #bareField: (name: string) => boolean;
  readonly #feed: (name: string) => ListFeed | undefined;
  #depth = 0;

  constructor(text: string, { maxDepth = 100, bareField = () => false, feed = () => undefined }: ParseOptions) {
    this.#scanner = new Scanner(text);
    this.#maxDepth = maxDepth;
    this.#bareField = bareField;
    this.#feed = feed;
  }

  parse(): Expr {
    const scanner = this.#scanner;
    const expr = this.#or();
    if (!scanner.atEnd) {
      scanner.fail(`unexpected token after '${scanner.lastToken}', expecting 'or', 'and'`, hintAfter(scanner));
    }
    return expr;
  }

  parseWholeTerm(): Term | undefined {
    const term = this.#leftTerm();
    return this.#scanner.atEnd ? term : undefined;
  }

  parseTermAt(offset: number): { term: Term; end: number } {
    this.#scanner.position = offset;
    const term = this.#leftTerm() ?? this.#scanner.fail('expected a field or a transformer');
    return { term, end: this.#scanner.position };
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth >= this.#maxDepth) this.#scanner.fail(`exceeded max depth limit of ${this.#maxDepth}`);
    const result = parse();
    this.#depth--;
    return result;
  }

  #or(): Expr {
    return this.#nested(() => this.#junction('or', () => this.#and()));
  }

  #and(): Expr {
    return this.#nested(() => this.#junction('and', () => this.#not()));
  }

  #junction(kind: 'and' | 'or', operand: () => Expr): Expr {
    const scanner = this.#scanner;
    scanner.skipBlanks();
    const start = scanner.position;
    const first = operand();
    const items = [first];
    scanner.skipBlanks();
    while (scanner.takeWord(kind)) {
      if (scanner.skipBlanks()) items.push(operand());
      else if (scanner.takeWord('(')) items.push(this.#parenthesised());
      else scanner.fail(`expected blank or '(' after '${kind}'`);
      scanner.skipBlanks();
    }
    return items.length === 1 ? first : { kind, items, span: { start, end: items.at(-1)?.span.end ?? start } };
  }

  #not(): Expr {
    return this.#nested(() => {
      const scanner = this.#scanner;
      scanner.skipBlanks();
      const start = scanner.position;
      let negated = false;
      while (scanner.peek(/not[ \t\b\r\n]/y)) {
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
      return negated ? { kind: 'not', item, span: scanner.span(start) } : item;
    });
  }

  /** What follows an opening parenthesis that is already read. */
  #parenthesised(): Expr {
    return this.#nested(() => {
      const scanner = this.#scanner;
      scanner.skipBlanks();
      const expr = this.#or();
      scanner.skipBlanks();
      if (!scanner.takeWord(')')) scanner.fail("expected a ')' token", hintAfter(scanner));
      return expr;
    });
  }

  #check(): Expr {
    return this.#nested(() => {
      const scanner = this.#scanner;
      scanner.skipBlanks();
      const start = scanner.position;
      if (scanner.takeWord('(')) return this.#parenthesised();
      const left = this.#leftTerm();
      if (left !== undefined) return this.#comparison(left, start);
      const name = scanner.take(identifier);
      if (name !== undefined) return { kind: 'macro', name, span: scanner.span(start) };
      return scanner.fail("expected a '(' token, a field check, or an identifier");
    });
  }

  #leftTerm(): Term | undefined {
    const scanner = this.#scanner;
    const start = scanner.position;
    const name = scanner.take(fieldName) ?? this.#bareFieldName();
    if (name !== undefined) return this.#fieldRest(name, start);
    const opening = scanner.take(transformerStart);
    return opening === undefined ? undefined : this.#transformerRest(opening.slice(0, -1) as TransformerName, start);
  }

  #bareFieldName(): string | undefined {
    const scanner = this.#scanner;
    const start = scanner.position;
    const name = scanner.take(identifier);
    if (
      name !== undefined &&
      this.#bareField(name) &&
      (scanner.text[scanner.position] === '[' || scanner.peek(operatorAhead))
    ) {
      return name;
    }
    scanner.position = start;
    return undefined;
  }

  #fieldRest(name: string, start: number): FieldTerm {
    const arg = this.#bracketArgument();
    return { kind: 'field', name, ...(arg === undefined ? {} : { arg }), span: this.#scanner.span(start) };
  }

  #bracketArgument(): string | undefined {
    const scanner = this.#scanner;
    if (!scanner.takeWord('[')) return undefined;
    const arg = scanner.takeQuoted()?.text ?? this.#bareArgument();
    if (arg === undefined) scanner.fail('expected a valid field argument: a quoted string or a bare string');
    if (!scanner.takeWord(']')) scanner.fail("expected a ']' token");
    return arg;
  }

  #bareArgument(): string | undefined {
    return this.#scanner.take(fieldArgument);
  }

  /** What follows `NAME(`. */
  #transformerRest(name: TransformerName, start: number): TransformerTerm {
    return this.#nested(() => {
      const scanner = this.#scanner;
      const args: Argument[] = [];
      do {
        scanner.skipBlanks();
        args.push(this.#argument() ?? scanner.fail(argumentError));
        scanner.skipBlanks();
      } while (scanner.takeWord(','));
      if (!scanner.takeWord(')')) scanner.fail("expected a ')' token closing the transformer");
      const arg = this.#bracketArgument();
      return { kind: 'transformer', name, args, ...(arg === undefined ? {} : { arg }), span: scanner.span(start) };
    });
  }

  #valRest(start: number): TransformerTerm {
    const scanner = this.#scanner;
    scanner.skipBlanks();
    const inner = scanner.position;
    const name = scanner.take(fieldName) ?? scanner.fail("expected a field within 'val' transformer");
    const field = this.#fieldRest(name, inner);
    scanner.skipBlanks();
    if (!scanner.takeWord(')')) scanner.fail("expected a ')' token closing the transformer");
    const arg = this.#bracketArgument();
    return {
      kind: 'transformer',
      name: 'val',
      args: [field],
      ...(arg === undefined ? {} : { arg }),
      span: scanner.span(start),
    };
  }

  #argument(): Argument | undefined {
    return this.#element() ?? this.#argumentList();
  }

  #element(): Term | Literal | undefined {
    const scanner = this.#scanner;
    const start = scanner.position;
    const digits = scanner.take(number);
    if (digits !== undefined) return { kind: 'literal', text: digits, quoted: false, span: scanner.span(start) };
    const text = scanner.takeQuoted();
    return text === undefined ? this.#leftTerm() : literal(text);
  }

  #argumentList(): ArgumentList | undefined {
    const scanner = this.#scanner;
    const start = scanner.position;
    if (!scanner.takeWord('(')) return undefined;
    const items: (Term | Literal)[] = [];
    scanner.skipBlanks();
    if (!scanner.takeWord(')')) {
      do {
        scanner.skipBlanks();
        items.push(this.#element() ?? scanner.fail(elementError));
        scanner.skipBlanks();
      } while (scanner.takeWord(','));
      if (!scanner.takeWord(')')) scanner.fail("expected a ')' token closing the transformer list");
    }
    return { kind: 'arguments', items, span: scanner.span(start) };
  }

  #comparison(left: Term, start: number): Check {
    const scanner = this.#scanner;
    scanner.skipBlanks();
    if (scanner.takeWord('exists')) return { kind: 'exists', left, span: scanner.span(start) };
    const ordering = orderingOperators.find((operator) => scanner.takeWord(operator));
    if (ordering !== undefined)
      return this.#finish(
        left,
        ordering,
        this.#nested(() => this.#orderingRight()),
        start,
      );
    const text = this.#textOperator();
    if (text !== undefined) return this.#nested(() => this.#textComparison(left, text, start));
    const list = listOperators.find((operator) => scanner.takeWord(operator));
    if (list !== undefined)
      return this.#finish(
        left,
        list,
        this.#nested(() => this.#listRight()),
        start,
      );
    return scanner.fail(operatorError);
  }

  #finish(left: Term, operator: Operator, right: Right, start: number): Check {
    return { kind: 'compare', left, operator, right, span: { start, end: right.span.end } };
  }

  #textOperator(): Operator | undefined {
    const scanner = this.#scanner;
    const sign = (['==', '=', '!='] as const).find((operator) => scanner.takeWord(operator));
    if (sign !== undefined) return sign;
    const start = scanner.position;
    const word = scanner.take(wordOperator);
    const operator = textOperators.find((name) => name === word);
    if (operator === undefined) scanner.position = start;
    return operator;
  }

  #textComparison(left: Term, operator: Operator, start: number): Check {
    const scanner = this.#scanner;
    const afterOperator = scanner.position;
    const modifier = scanner.skipBlanks() ? (scanner.take(modifierWord) as Modifier | undefined) : undefined;
    if (modifier !== undefined) {
      scanner.skipBlanks();
      const right = this.#literalList() ?? this.#listName();
      if (right !== undefined) return { ...this.#finish(left, operator, right, start), modifier } as Check;
      scanner.position = afterOperator;
    }
    scanner.skipBlanks();
    const right = this.#rightTerm() ?? this.#literal() ?? scanner.fail(`expected a string value ${valueError}`);
    return this.#finish(left, operator, right, start);
  }

  #orderingRight(): Right {
    const scanner = this.#scanner;
    scanner.skipBlanks();
    const start = scanner.position;
    const term = this.#rightTerm();
    if (term !== undefined) return term;
    const text = scanner.take(number) ?? scanner.fail(`expected a number value ${valueError}`);
    return { kind: 'literal', text, quoted: false, span: scanner.span(start) };
  }

  #listRight(): Right {
    this.#scanner.skipBlanks();
    return (
      this.#literalList() ??
      this.#rightTerm() ??
      this.#listName() ??
      this.#scanner.fail(`expected a list, an identifier, ${valueError}`)
    );
  }

  #literalList(): LiteralList | undefined {
    const scanner = this.#scanner;
    const start = scanner.position;
    if (!scanner.takeWord('(')) return undefined;
    return this.#nested(() => {
      const items: Literal[] = [];
      scanner.skipBlanks();
      const first = this.#literal();
      if (first !== undefined) {
        items.push(first);
        scanner.skipBlanks();
        while (scanner.takeWord(',')) {
          scanner.skipBlanks();
          items.push(this.#literal() ?? scanner.fail('expected a string value'));
          scanner.skipBlanks();
        }
      }
      if (!scanner.takeWord(')')) scanner.fail("expected a ')' token", hintAfter(scanner));
      return this.#listOf(items, scanner.span(start));
    });
  }

  /** Names of lists that come from elsewhere are not items: they stand for theirs. */
  #listOf(all: readonly Literal[], span: Span): LiteralList {
    const feeds: FeedRef[] = [];
    const items = all.filter((each) => {
      const feed = each.quoted ? undefined : this.#feed(each.text);
      if (feed !== undefined) feeds.push({ kind: 'feed', feed, span: each.span });
      return feed === undefined;
    });
    return { kind: 'list', items, ...(feeds.length === 0 ? {} : { feeds }), span };
  }

  /** After a modifier `and` and `or` go on with the condition: the modifier was an ordinary value. */
  #listName(): ListName | LiteralList | undefined {
    const scanner = this.#scanner;
    const start = scanner.position;
    if (scanner.peek(/(?:and|or)(?![a-zA-Z0-9_])/y)) return undefined;
    const name = scanner.take(identifier);
    if (name === undefined) return undefined;
    const span = scanner.span(start);
    if (this.#feed(name) === undefined) return { kind: 'listName', name, span };
    return this.#listOf([{ kind: 'literal', text: name, quoted: false, span }], span);
  }

  #literal(): Literal | undefined {
    const text = this.#scanner.takeQuoted() ?? this.#scanner.takeBare();
    return text === undefined ? undefined : literal(text);
  }

  #rightTerm(): Term | undefined {
    const scanner = this.#scanner;
    const start = scanner.position;
    const opening = scanner.take(rightTransformerStart);
    if (opening === undefined) return undefined;
    return opening === 'val('
      ? this.#valRest(start)
      : this.#transformerRest(opening.slice(0, -1) as TransformerName, start);
  }
}

function literal({ text, bytes, quoted, span }: ScannedText): Literal {
  return { kind: 'literal', text, ...(bytes === undefined ? {} : { bytes }), quoted, span };
}
