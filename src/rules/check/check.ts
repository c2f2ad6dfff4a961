/** Checks a syntax tree against a catalogue: fields exist, operators suit types, constants are read. */

import { suggest } from '../../core/errors.ts';
import type { Catalogue, FieldRef } from '../../events/field.ts';
import type { Literal, Span } from '../language.ts';
import type { Comparison, Exists, Expr, FieldTerm, Junction, MacroRef, Right, Term } from '../syntax/ast.ts';
import { printTerm } from '../syntax/print.ts';
import type { ProblemOptions } from '../syntax/problem.ts';
import { Problem } from '../syntax/problem.ts';
import type { Constant } from '../values/constants.ts';
import { readConstant } from '../values/constants.ts';
import { regexTest } from '../values/regex.ts';
import { operatorError, operatorsOf, typeName } from '../values/types.ts';
import { checkFeeds } from './check-feeds.ts';
import { argumentProblem, constantHint } from './check-hints.ts';
import { checkTransformer, falcoName, innerField } from './check-transformer.ts';
import { type ValueWarning, warningsAbout } from './check-values.ts';
import type { Checking } from './checking.ts';
import { isEventTypeField, tellsType } from './event-types.ts';
import type { TypedCheck, TypedExpr, TypedField, TypedJunction, TypedTerm } from './typed-ast.ts';

export interface Warning {
  readonly message: string;
  readonly span: Span;
  readonly falcoStart: number;
  readonly within: readonly MacroRef[];
  readonly hint?: string;
}

export interface Checked {
  readonly expr: TypedExpr;
  readonly warnings: readonly Warning[];
  /** Every field that the condition reads, each once. */
  readonly reads: readonly FieldRef[];
}

/** Checks a condition. Throws a Problem for the first thing that is wrong, with the others in it. */
export function checkCondition(expr: Expr, catalogue: Catalogue): Checked {
  const found = new Mistakes();
  const checker = new Checker(catalogue, found);
  let typed: TypedExpr;
  try {
    typed = checker.expr(expr);
  } catch (error) {
    typed = found.add(error);
  }
  const [first, ...others] = found.problems;
  if (first !== undefined) {
    first.others = others;
    throw first;
  }
  return { expr: typed, warnings: checker.warnings, reads: [...checker.reads.values()] };
}

/** Checks a field or transformer that stands alone, as in a format. */
export function checkTerm(term: Term, catalogue: Catalogue): { term: TypedTerm; reads: readonly FieldRef[] } {
  const checker = new Checker(catalogue);
  const typed = checker.term(term);
  return { term: typed, reads: [...checker.reads.values()] };
}

// Macros in macros can make a small file stand for an endless condition.
const MAX_SIZE = 100_000;
const MAX_DEPTH = 1000;

/** What was found out of the body of a macro. Its warnings are as if it stood alone. */
interface CheckedBody {
  readonly expr: TypedExpr;
  readonly reads: ReadonlyMap<string, FieldRef>;
  readonly warnings: readonly Warning[];
  readonly size: number;
  readonly depth: number;
  readonly typeChecks: number;
}

/** Macros are in many conditions: their bodies are checked once for each catalogue, and are the same objects in all of them. */
const bodies = new WeakMap<Catalogue, WeakMap<Expr, CheckedBody>>();

/** What is wrong with a condition. */
class Mistakes {
  readonly problems: Problem[] = [];
  /** Bodies of macros that are wrong: once is enough. */
  readonly bodies = new Set<Expr>();

  /** Notes a Problem; the part that it is of stands for nothing, and the others are looked at all the same. */
  add(problem: unknown): TypedExpr {
    if (!(problem instanceof Problem)) throw problem;
    this.problems.push(problem);
    return NOTHING;
  }
}

const NOTHING: TypedExpr = { kind: 'and', items: [], asksType: false };

class Checker implements Checking {
  readonly #catalogue: Catalogue;
  readonly #mistakes: Mistakes;
  readonly #bodies: WeakMap<Expr, CheckedBody>;
  readonly warnings: Warning[] = [];
  readonly reads = new Map<string, FieldRef>();
  /** The macros that lead to what is looked at, outermost first. */
  readonly #within: readonly MacroRef[];
  /** Where the check begins: what Falco points at for anything wrong in it. */
  #start = 0;
  /** How many parts have been looked at, those around a macro with its own, and how deep the deepest of them is. */
  #size: number;
  #deepest = 0;
  /** How many checks have said something of the event's type. */
  #typeChecks = 0;

  constructor(catalogue: Catalogue, mistakes = new Mistakes(), within: readonly MacroRef[] = [], size = 0) {
    this.#catalogue = catalogue;
    this.#mistakes = mistakes;
    this.#within = within;
    this.#size = size;
    let known = bodies.get(catalogue);
    if (known === undefined) bodies.set(catalogue, (known = new WeakMap()));
    this.#bodies = known;
  }

  expr(expr: Expr, depth = 0): TypedExpr {
    this.#count(1, depth, expr.span);
    switch (expr.kind) {
      case 'and':
      case 'or':
        return this.#junction(expr, depth + 1);
      case 'not':
        return { kind: 'not', item: this.expr(expr.item, depth + 1) };
      case 'macro':
        return this.#macro(expr, depth);
      case 'exists':
      case 'compare':
        return this.#check(expr);
    }
  }

  #check(expr: Exists | Comparison): TypedExpr {
    this.#start = expr.span.start;
    try {
      if (expr.kind === 'compare') return this.#comparison(expr);
      return { kind: 'check', left: this.#left(expr.left), operator: 'exists', span: expr.span };
    } catch (error) {
      return this.#mistakes.add(error);
    }
  }

  #junction({ kind, items }: Junction, depth: number): TypedJunction {
    const before = this.#typeChecks;
    const typed: TypedExpr[] = [];
    for (let index = 0; index < items.length; index++) typed.push(this.expr(items[index] as Expr, depth));
    return { kind, items: typed, asksType: this.#typeChecks > before };
  }

  #count(size: number, depth: number, span: Span): void {
    this.#size += size;
    if (depth > this.#deepest) this.#deepest = depth;
    if (depth <= MAX_DEPTH && this.#size <= MAX_SIZE) return;
    this.#start = span.start;
    this.fail('the condition is too large with its macros in place', span);
  }

  #macro(ref: MacroRef, depth: number): TypedExpr {
    const { macro, name, span } = ref;
    if (macro === undefined) {
      this.#start = span.start;
      return this.fail(`filter error: unexpected identifier '${name}'`, span, this.#identifierHint(name));
    }
    const known = this.#bodies.get(macro.body) ?? this.#body(macro.body, [...this.#within, ref], depth);
    this.#count(known.size, depth + known.depth, span);
    this.#typeChecks += known.typeChecks;
    known.reads.forEach((field, text) => {
      this.reads.set(text, field);
    });
    for (const each of known.warnings) {
      this.warnings.push({ ...each, within: [...this.#within, ref, ...each.within] });
    }
    return known.expr;
  }

  /** Checks the body of a macro, apart from all else. */
  #body(body: Expr, within: readonly MacroRef[], depth: number): CheckedBody {
    const { problems, bodies: wrong } = this.#mistakes;
    const before = problems.length;
    const inner = new Checker(this.#catalogue, this.#mistakes, within, this.#size);
    const expr = wrong.has(body) ? NOTHING : inner.expr(body, depth + 1);
    const checked = {
      expr,
      reads: inner.reads,
      warnings: inner.warnings.map((each) => ({ ...each, within: each.within.slice(within.length) })),
      size: inner.#size - this.#size,
      depth: inner.#deepest - depth,
      typeChecks: inner.#typeChecks,
    };
    if (problems.length > before) wrong.add(body);
    else if (!wrong.has(body)) this.#bodies.set(body, checked);
    return checked;
  }

  fail(message: string, span: Span, options: ProblemOptions = {}): never {
    const problem = new Problem('compile', message, span, { falcoStart: this.#start, ...options });
    problem.within = this.#within;
    throw problem;
  }

  #identifierHint(name: string): ProblemOptions {
    const names = this.#catalogue.fields.map((field) => field.name);
    const meant = suggest(name, names) ?? names.find((field) => field.endsWith(`.${name}`));
    return meant === undefined ? {} : { hint: `Did you mean the field ${meant}?` };
  }

  #left(term: Term): TypedTerm {
    const typed = this.term(term);
    if (typed.kind === 'field' && typed.ref.field.printOnly) {
      this.fail(`field '${typed.ref.text}' can only be printed`, term.span);
    }
    if (tellsType(typed)) this.#typeChecks++;
    return typed;
  }

  term(term: Term): TypedTerm {
    return term.kind === 'field' ? this.#field(term) : checkTransformer(this, term);
  }

  #field(term: FieldTerm): TypedField {
    const text = fieldText(term);
    const ref = this.#catalogue.find(text) ?? this.#unknownField(term, text);
    this.reads.set(ref.text, ref);
    const { field } = ref;
    const candidates = ref.arg === undefined ? field.candidates : undefined;
    return { kind: 'field', ref, type: field.type, list: field.list === true, candidates };
  }

  #unknownField(term: FieldTerm, text: string): never {
    const argument = /^evt\.(?:raw)?arg\.(.+)$/.exec(term.name);
    if (argument !== null) {
      return this.fail(`unknown event argument ${argument[1]}`, term.span, { unknownName: true });
    }
    const field = this.#catalogue.fields.find(({ name }) => name === term.name);
    const falco = `filter_check called with nonexistent field ${text}`;
    if (field !== undefined) return this.fail(argumentProblem(field.name, term.arg, field), term.span, { falco });
    const meant = suggest(
      term.name,
      this.#catalogue.fields.map(({ name }) => name),
    );
    return this.fail(`unknown field ${text} (event source ${this.#catalogue.source})`, term.span, {
      falco,
      unknownName: true,
      hint: meant === undefined ? undefined : `Did you mean ${meant}?`,
    });
  }

  #comparison(expr: Comparison): TypedCheck {
    const left = this.#left(expr.left);
    const wrong = operatorError(left, expr.operator, expr.modifier);
    if (wrong !== undefined) {
      const takes = operatorsOf(left);
      this.fail(wrong, expr.span, {
        hint: `${printTerm(expr.left)} is ${typeName(left)}; it takes ${takes.join(' ')}.`,
      });
    }
    const operator = expr.operator === '==' ? '=' : expr.operator;
    const { modifier, right, span } = expr;
    if (right.kind === 'field' || right.kind === 'transformer') {
      return { kind: 'check', left, operator, modifier, right: this.#rightTerm(expr, left, right), span };
    }
    const constants = literalsOf(right).map((literal) => this.#constant(literal, left, expr));
    if (right.kind === 'list' && right.feeds !== undefined) {
      const live = checkFeeds(this, { left, operator, modifier, feeds: right.feeds, constants, span });
      return { kind: 'check', left, operator, modifier, right: live, span };
    }
    return { kind: 'check', left, operator, modifier, constants, span };
  }

  #rightTerm(expr: Comparison, left: TypedTerm, right: Term): TypedTerm {
    const typed = this.term(right);
    if (expr.operator === 'regex' || expr.operator === 'pmatch') {
      this.fail(`operator '${expr.operator.toUpperCase()}' doesn't support right-hand side fields`, right.span);
    }
    if (left.type === 'IPNET') this.fail("field type 'IPNET' doesn't support right-hand side fields", right.span);
    if (isAlone(left)) this.fail(`field '${falcoName(left)}' doesn't support right-hand side fields`, expr.left.span);
    if (isAlone(typed)) this.fail(`field '${falcoName(typed)}' can't be used as a right-hand side field`, right.span);
    if (typed.type !== left.type || typed.list !== left.list) {
      const differ = (one: string, other: string) =>
        `field '${one}' has type '${typeName(left)}' while the right-hand side field ` +
        `'${other}' has incompatible type '${typeName(typed)}'`;
      const falco = differ(falcoName(left), falcoName(typed));
      this.fail(differ(printTerm(expr.left), printTerm(unwrapVal(right))), right.span, { falco });
    }
    return typed;
  }

  #constant(literal: Literal, left: TypedTerm, expr: Comparison): Constant {
    let constant: Constant;
    try {
      constant = readConstant(literal, left.type, expr.operator);
      if (expr.operator === 'regex') checkRegex(literal.text);
    } catch (error) {
      const word = literal.quoted ? {} : { word: literal.text };
      return this.fail((error as Error).message, literal.span, { hint: constantHint(left, literal.text), ...word });
    }
    if (isEventTypeField(left) && wholeNames.has(expr.operator)) this.#refuseUnknownType(literal);
    const warnings = warningsAbout(literal, left, expr.operator, this);
    for (let index = 0; index < warnings.length; index++) {
      const { span } = literal;
      const at = { span, falcoStart: expr.right.span.start, within: this.#within };
      this.warnings.push({ ...at, ...(warnings[index] as ValueWarning) });
    }
    return constant;
  }

  #refuseUnknownType({ text, span }: Literal): void {
    const known = this.#catalogue.eventTypes?.names;
    if (known === undefined || known.has(text)) return;
    const meant = suggest(text, known);
    const hint = meant === undefined ? undefined : `Did you mean ${meant}?`;
    this.fail(`unknown event type ${text}`, span, { unknownName: true, hint });
  }

  isValid(term: Term): boolean {
    if (term.kind === 'field') return this.#catalogue.find(fieldText(term)) !== undefined;
    try {
      checkTerm(term, this.#catalogue);
      return true;
    } catch (error) {
      if (error instanceof Problem) return false;
      throw error;
    }
  }
}

/** Operators that compare with the whole name of an event type. */
const wholeNames: ReadonlySet<string> = new Set(['=', '==', '!=', 'in', 'intersects']);

function fieldText({ name, arg }: FieldTerm): string {
  return arg === undefined ? name : `${name}[${arg}]`;
}

/** Whether a term is compared with constants only. */
function isAlone(term: TypedTerm): boolean {
  const field = innerField(term);
  return field !== undefined && (field.ref.field.noRhs === true || field.candidates !== undefined);
}

function unwrapVal(term: Term): Term {
  const inner = term.kind === 'transformer' && term.name === 'val' ? term.args[0] : undefined;
  return inner?.kind === 'field' ? inner : term;
}

function literalsOf(right: Exclude<Right, Term>): readonly Literal[] {
  if (right.kind === 'literal') return [right];
  if (right.kind === 'list') return right.items;
  return [{ kind: 'literal', text: right.name, quoted: false, span: right.span }];
}

function checkRegex(pattern: string): void {
  try {
    regexTest(pattern);
  } catch (error) {
    throw new Error(`invalid regex pattern: ${(error as Error).message}`);
  }
}
