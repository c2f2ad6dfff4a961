/** Parses the parts of conditions that have a value: fields, transformers and literals (spec/falco-engine.md §2.1). */

import type { Literal, TransformerName } from '../language.ts';
import type { Argument, ArgumentList, FieldTerm, Term, TransformerTerm } from './ast.ts';
import { Scanner } from './scanner.ts';
import {
  argumentError,
  elementError,
  fieldArgument,
  fieldName,
  fieldOrName,
  number,
  operatorAhead,
  rightTransformerStart,
  transformers,
} from './tokens.ts';

export interface TermOptions {
  /** How deep expressions may nest, each operator, parenthesis and value counted; default 100, rules use 1000. */
  readonly maxDepth?: number;
  /** Which names without a dot are fields: those of our event source `alert`. */
  readonly bareField?: (name: string) => boolean;
}

export class TermParser {
  protected readonly scanner: Scanner;
  readonly #maxDepth: number;
  readonly #bareField: ((name: string) => boolean) | undefined;
  #depth = 0;

  constructor(text: string, { maxDepth = 100, bareField }: TermOptions) {
    this.scanner = new Scanner(text);
    this.#maxDepth = maxDepth;
    this.#bareField = bareField;
  }

  parseWholeTerm(): Term | undefined {
    const term = this.leftTerm();
    return this.scanner.atEnd ? term : undefined;
  }

  parseTermAt(offset: number): { term: Term; end: number } {
    this.scanner.position = offset;
    const term = this.leftTerm() ?? this.scanner.fail('expected a field or a transformer');
    return { term, end: this.scanner.position };
  }

  /** Goes one deeper; `leave` comes back. What fails in between ends it all. */
  protected enter(): void {
    if (++this.#depth >= this.#maxDepth) this.scanner.fail(`exceeded max depth limit of ${this.#maxDepth}`);
  }

  protected leave<T>(result: T): T {
    this.#depth--;
    return result;
  }

  protected leftTerm(): Term | undefined {
    const start = this.scanner.position;
    const found = this.leftTermOrName();
    if (typeof found !== 'string') return found;
    this.scanner.position = start;
    return undefined;
  }

  /** A term, or a name that is none: that of a macro. */
  protected leftTermOrName(): Term | string | undefined {
    const scanner = this.scanner;
    const start = scanner.position;
    const name = scanner.take(fieldOrName);
    if (name === undefined) return undefined;
    if (name.includes('.')) return this.#fieldRest(name, start);
    const { next } = scanner;
    if (next === '(' && name !== 'val' && transformers.has(name)) {
      scanner.position++;
      return this.#transformerRest(name as TransformerName, start);
    }
    if (this.#bareField?.(name) && (next === '[' || scanner.peek(operatorAhead))) return this.#fieldRest(name, start);
    return name;
  }

  #fieldRest(name: string, start: number): FieldTerm {
    const arg = this.#bracketArgument();
    const span = this.scanner.span(start);
    return arg === undefined ? { kind: 'field', name, span } : { kind: 'field', name, arg, span };
  }

  #bracketArgument(): string | undefined {
    const scanner = this.scanner;
    if (!scanner.takeChar('[')) return undefined;
    const arg = scanner.takeQuoted()?.text ?? this.#bareArgument();
    if (arg === undefined) scanner.fail('expected a valid field argument: a quoted string or a bare string');
    if (!scanner.takeChar(']')) scanner.fail("expected a ']' token");
    return arg;
  }

  #bareArgument(): string | undefined {
    return this.scanner.take(fieldArgument);
  }

  /** What follows `NAME(`. */
  #transformerRest(name: TransformerName, start: number): TransformerTerm {
    this.enter();
    const scanner = this.scanner;
    const args: Argument[] = [];
    do {
      scanner.skipBlanks();
      args.push(this.#argument() ?? scanner.fail(argumentError));
      scanner.skipBlanks();
    } while (scanner.takeWord(','));
    if (!scanner.takeWord(')')) scanner.fail("expected a ')' token closing the transformer");
    const arg = this.#bracketArgument();
    const span = scanner.span(start);
    return this.leave({ kind: 'transformer', name, args, ...(arg === undefined ? {} : { arg }), span });
  }

  #valRest(start: number): TransformerTerm {
    const scanner = this.scanner;
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
    const scanner = this.scanner;
    const start = scanner.position;
    const digits = scanner.take(number);
    if (digits !== undefined) return { kind: 'literal', text: digits, quoted: false, span: scanner.span(start) };
    return scanner.takeQuoted() ?? this.leftTerm();
  }

  #argumentList(): ArgumentList | undefined {
    const scanner = this.scanner;
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
      if (!scanner.takeWord(')')) scanner.fail("expected ')'");
    }
    return { kind: 'arguments', items, span: scanner.span(start) };
  }

  protected literal(): Literal | undefined {
    return this.scanner.takeQuoted() ?? this.scanner.takeBare();
  }

  /** A literal, or what a transformer makes. */
  protected value(): Literal | Term | undefined {
    const scanner = this.scanner;
    const found = this.literal();
    if (found === undefined || found.quoted || scanner.next !== '(' || !transformers.has(found.text)) return found;
    scanner.position = found.span.start;
    return this.rightTerm();
  }

  protected rightTerm(): Term | undefined {
    const scanner = this.scanner;
    const start = scanner.position;
    const opening = scanner.take(rightTransformerStart);
    if (opening === undefined) return undefined;
    return opening === 'val('
      ? this.#valRest(start)
      : this.#transformerRest(opening.slice(0, -1) as TransformerName, start);
  }
}
