/** Output formats (spec/falco-engine.md §3.1): text with `%field` and `%transformer(…)` in it. */

import { suggest } from '../../core/errors.ts';
import type { Catalogue, Event, Field, FieldRef, Form, Reader, Value } from '../../events/field.ts';
import { checkTerm } from '../check/check.ts';
import { argumentProblem } from '../check/check-hints.ts';
import type { TypedTerm } from '../check/typed-ast.ts';
import { printerOf, termReader } from '../judge/terms.ts';
import type { Span } from '../language.ts';
import type { Argument } from '../syntax/ast.ts';
import { parseTermAt } from '../syntax/parser.ts';
import { printTerm } from '../syntax/print.ts';
import { Problem } from '../syntax/problem.ts';
import { type PrintBytes, typedValue } from '../values/values.ts';

/** A format that is known to be right. */
export interface Format {
  readonly text: string;
  /** The fields that it prints, each once. */
  readonly reads: readonly FieldRef[];
  /** Fields and transformers in the order they are printed, as often as they are, what is inside transformers first. */
  readonly names: readonly string[];
  bind<E extends Event>(form: Form<E>): BoundFormat<E>;
}

/** A format for one form of event. */
export interface BoundFormat<E extends Event> {
  /** The message; absent values print as `<NA>`. */
  text(event: E): string;
  /** The values of the fields by their names, as Falco's `output_fields` has them. */
  fields(event: E): Record<string, Value | null>;
  /** `text` and `fields`: each value is read once. */
  whole(event: E): { readonly text: string; readonly fields: Record<string, Value | null> };
  /** The message as libsinsp prints it: without a leading `*` it ends at the first absent value and is not complete. */
  line(event: E): { readonly text: string; readonly complete: boolean };
}

interface Token {
  readonly term: TypedTerm;
  readonly width: number | undefined;
}

/**
 * Compiles a format; `bytes` says how bytes print. Throws a Problem whose span is the place in the text, with what else is
 * wrong with it.
 */
export function parseFormat(text: string, catalogue: Catalogue, bytes?: PrintBytes): Format {
  if (text === '') throw new Problem('parse', 'empty formatting token', { start: 0, end: 1 });
  const keepsAbsent = text.startsWith('*');
  const tokens: (string | Token)[] = [];
  const reads = new Map<string, FieldRef>();
  const names: string[] = [];
  const problems: Problem[] = [];
  let at = keepsAbsent ? 1 : 0;
  while (at < text.length) {
    const percent = text.indexOf('%', at);
    const end = percent < 0 ? text.length : percent;
    if (end > at) tokens.push(text.slice(at, end));
    if (percent < 0) break;
    const token = attemptToken(text, percent, catalogue);
    if (token instanceof Problem) {
      problems.push(token);
      at = Math.max(token.span.end, percent + 1);
      continue;
    }
    tokens.push(token);
    for (let index = 0; index < token.reads.length; index++) {
      const ref = token.reads[index] as FieldRef;
      reads.set(ref.text, ref);
    }
    names.push(...token.names);
    at = token.end;
  }
  const [first, ...others] = problems;
  if (first !== undefined) {
    first.others = others;
    throw first;
  }
  return {
    text,
    reads: [...reads.values()],
    names,
    bind: (form) => new TokenFormat(tokens, [...reads.values()], { keepsAbsent, bytes }, form),
  };
}

interface ReadToken extends Token {
  readonly names: readonly string[];
  readonly reads: readonly FieldRef[];
  readonly end: number;
}

/** A wider column is a mistake: each alert would carry its blanks, and from 2^29 on there is no such text. */
const MOST_WIDTH = 65_535;

function attemptToken(text: string, percent: number, catalogue: Catalogue): ReadToken | Problem {
  try {
    return readToken(text, percent, catalogue);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function readToken(text: string, percent: number, catalogue: Catalogue): ReadToken {
  let start = percent + 1;
  while (isDigit(text.charCodeAt(start))) start++;
  const digits = text.slice(percent + 1, start);
  const width = Number(digits) || undefined;
  if (start >= text.length) {
    const what = digits === '' ? 'a %' : 'a number';
    throw new Problem(
      'parse',
      `invalid formatting syntax: formatting cannot end with ${what}`,
      { start: percent, end: start },
      {
        hint: 'A % begins a field; there is no way to print a percent sign itself.',
      },
    );
  }
  if (width !== undefined && width > MOST_WIDTH) {
    const hint = `A value is cut or padded to at most ${MOST_WIDTH} characters.`;
    throw new Problem('parse', `the width ${digits} is too large`, { start: percent + 1, end: start }, { hint });
  }
  if (isAt(transformer, text, start)) return { ...readTransformer(text, percent, start, catalogue), width };
  const found = longestField(text, start, catalogue);
  if (found === undefined) unknown(text, percent, start, catalogue);
  const { ref, end } = found;
  if (ref.field.filterOnly) {
    throw new Problem(
      'compile',
      `field '${ref.text}' cannot be printed`,
      { start: percent, end },
      {
        falco: unknownFilter,
        hint: 'It has several values at once and is for conditions only.',
      },
    );
  }
  const term: TypedTerm = { kind: 'field', ref, type: ref.field.type, list: ref.field.list === true };
  return { term, width, names: [ref.text], reads: [ref], end };
}

/** Falco's message goes on with the rest of a parser's error, which is empty here. */
const unknownFilter = "unknown filter: unexpected token after '";

function unknown(text: string, percent: number, start: number, catalogue: Catalogue): never {
  const name = /^[a-zA-Z][a-zA-Z0-9_.]{0,127}/.exec(text.slice(start))?.[0].replace(/\.$/, '') ?? '';
  const span: Span = { start: percent, end: start + Math.max(1, name.length) };
  if (name === '') {
    throw new Problem('parse', `expected a field after '%', not '${text[start]}'`, span, {
      falco: unknownFilter,
      unknownName: true,
      hint: 'There is no way to print a percent sign itself.',
    });
  }
  const field = catalogue.fields.find((each) => each.name === name);
  if (field !== undefined) {
    const problem = argumentIn(text.slice(start + name.length), field);
    throw new Problem('compile', problem, span, { falco: unknownFilter, unknownName: true });
  }
  const meant = suggest(
    name,
    catalogue.fields.map((each) => each.name),
  );
  throw new Problem('compile', `unknown field %${name} (event source ${catalogue.source})`, span, {
    falco: unknownFilter,
    unknownName: true,
    hint: meant === undefined ? undefined : `Did you mean %${meant}?`,
  });
}

/** What is wrong with what stands behind the name of a field. */
function argumentIn(rest: string, field: Field): string {
  const arg = /^\[([^\]]*)\]/.exec(rest)?.[1];
  if (arg === undefined && rest.startsWith('[')) return `the [ behind %${field.name} is not closed`;
  return argumentProblem(field.name, arg, field);
}

function readTransformer(text: string, percent: number, start: number, catalogue: Catalogue): Omit<ReadToken, 'width'> {
  try {
    const { term, end } = parseTermAt(text, start);
    const { term: typed, reads } = checkTerm(term, catalogue);
    return { term: typed, names: namesWithin(term), reads, end };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(
      'compile',
      error.message,
      { start: percent, end: error.span.end },
      {
        ...error.options,
        falco: unknownFilter,
        unknownName: true,
      },
    );
  }
}

/** The transformer that another one has last goes without a name of its own, as in Falco. */
function namesWithin(term: Argument): readonly string[] {
  if (term.kind === 'literal') return [];
  if (term.kind === 'arguments') return term.items.flatMap(namesWithin);
  const name = printTerm(term);
  if (term.kind === 'field') return [name];
  const names = term.args.flatMap(namesWithin);
  return [...(names.at(-1)?.includes('(') ? names.slice(0, -1) : names), name];
}

const transformer = /[a-z0-9]+\(/y;
const name = /[a-zA-Z][a-zA-Z0-9_.]{0,127}/y;
const argument = /\[(?:"[^"]*"|'[^']*'|[^\]["'\s]+)\]/y;

const isDigit = (code: number) => code >= 0x30 && code <= 0x39;

function isAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

/** The field with the longest name that the text begins with; what follows is ordinary text. No name is longer than 128. */
function longestField(text: string, start: number, catalogue: Catalogue): { ref: FieldRef; end: number } | undefined {
  if (!isAt(name, text, start)) return undefined;
  for (let end = name.lastIndex; end > start; end--) {
    if (text[end] === '[' && isAt(argument, text, end)) {
      const indexed = catalogue.find(text.slice(start, argument.lastIndex));
      if (indexed !== undefined) return { ref: indexed, end: argument.lastIndex };
    }
    const ref = catalogue.find(text.slice(start, end));
    if (ref !== undefined) return { ref, end };
  }
  return undefined;
}

interface BoundToken<E extends Event> {
  /** The place among the fields of the one that it prints; undefined: it has a reader of its own. */
  readonly field: number | undefined;
  readonly read: Reader<E> | undefined;
  readonly print: (value: Value) => string;
  readonly width: number | undefined;
}

interface PrintOptions {
  readonly keepsAbsent: boolean;
  readonly bytes: PrintBytes | undefined;
}

class TokenFormat<E extends Event> implements BoundFormat<E> {
  readonly #tokens: readonly (string | BoundToken<E>)[];
  readonly #fields: readonly { readonly ref: FieldRef; readonly read: Reader<E> | undefined }[];
  readonly #options: PrintOptions;

  constructor(tokens: readonly (string | Token)[], reads: readonly FieldRef[], options: PrintOptions, form: Form<E>) {
    this.#options = options;
    this.#fields = reads.map((ref) => ({ ref, read: fieldReader(ref, form) }));
    this.#tokens = tokens.map((token) => (typeof token === 'string' ? token : this.#bound(token, form)));
  }

  #bound({ term, width }: Token, form: Form<E>): BoundToken<E> {
    const print = printerOf(term, this.#options.bytes);
    // Times are read otherwise for `output_fields`.
    if (term.kind !== 'field' || isTime(term.ref)) {
      return { read: termReader(term, form), field: undefined, print, width };
    }
    return { read: undefined, field: this.#fields.findIndex(({ ref }) => ref.text === term.ref.text), print, width };
  }

  text(event: E): string {
    return this.#text(event, this.#values(event));
  }

  line(event: E): { text: string; complete: boolean } {
    if (this.#options.keepsAbsent) return { text: this.text(event), complete: true };
    const values = this.#values(event);
    let text = '';
    for (const token of this.#tokens) {
      const part = typeof token === 'string' ? token : print(token, event, values);
      if (part === undefined) return { text, complete: false };
      text += part;
    }
    return { text, complete: true };
  }

  fields(event: E): Record<string, Value | null> {
    return this.#typed(this.#values(event));
  }

  whole(event: E): { text: string; fields: Record<string, Value | null> } {
    const values = this.#values(event);
    return { text: this.#text(event, values), fields: this.#typed(values) };
  }

  #values(event: E): (Value | undefined)[] {
    return this.#fields.map(({ read }) => read?.(event));
  }

  #text(event: E, values: readonly (Value | undefined)[]): string {
    let text = '';
    for (const token of this.#tokens)
      text += typeof token === 'string' ? token : (print(token, event, values) ?? padTo('<NA>', token.width));
    return text;
  }

  #typed(values: readonly (Value | undefined)[]): Record<string, Value | null> {
    const fields: Record<string, Value | null> = {};
    this.#fields.forEach(({ ref }, place) => {
      fields[ref.text] = typedValue(values[place], ref.field, this.#options.bytes);
    });
    return fields;
  }
}

function print<E extends Event>(
  { read, field, print: printed, width }: BoundToken<E>,
  event: E,
  values: readonly (Value | undefined)[],
): string | undefined {
  const value = field === undefined ? read?.(event) : values[field];
  return value === undefined ? undefined : padTo(printed(value), width);
}

/** Cuts or pads a text to a width. */
function padTo(text: string, width: number | undefined): string {
  return width === undefined ? text : text.slice(0, width).padEnd(width);
}

const isTime = ({ text }: FieldRef) => /^evt\.(?:date)?time(?:\.|$)/.test(text);

/** Fields that print a time are integers in `output_fields`: the event's time in ns. */
function fieldReader<E extends Event>(ref: FieldRef, form: Form<E>): Reader<E> | undefined {
  if (!isTime(ref)) return form.reader(ref);
  return (event) => {
    const time = Number(event.time);
    return Number.isSafeInteger(time) ? time : event.time;
  };
}
