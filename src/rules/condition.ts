/** Conditions and formats that stand alone: in a pipeline file, a test, a program. Rules files are the loader's. */

import type { Place } from '../core/errors.ts';
import type { Catalogue, Event, EventTypes, FieldRef, Form } from '../events/field.ts';
import type { Checked, Warning } from './check/check.ts';
import { checkCondition } from './check/check.ts';
import { checksWithin } from './check/checks-within.ts';
import type { EventTypeSet, Names } from './check/event-types.ts';
import { askedTypes, eventTypeChecks, eventTypesOf, inferNames, isEventTypeField } from './check/event-types.ts';
import type { TypedCheck, TypedExpr } from './check/typed-ast.ts';
import { compile, type Known, predicateOf } from './judge/compile.ts';
import type { Engine } from './judge/engine.ts';
import { canGenerate } from './judge/generate.ts';
import { makePredicate } from './judge/judge.ts';
import { Nodes } from './judge/nodes.ts';
import type { Span } from './language.ts';
import type { Format } from './output/format.ts';
import { parseFormat } from './output/format.ts';
import { placeIn } from './source.ts';
import type { Expr } from './syntax/ast.ts';
import { parseCondition } from './syntax/parser.ts';
import { printFalco } from './syntax/print.ts';
import type { ProblemOptions } from './syntax/problem.ts';
import { Problem, RuleError } from './syntax/problem.ts';

/** A condition that is known to be right for one event source. */
export interface Condition {
  readonly text: string;
  /** The fields that it reads, each once. */
  readonly reads: readonly FieldRef[];
  /** The event types that it can be true for. */
  readonly eventTypes: EventTypeSet;
  /** Those that it asks for by name, also when it can be true for all. */
  readonly askedTypes: ReadonlySet<string>;
  /** Whether `evt.type` is what the type of an event is called: where the source's event types are known. */
  readonly namesEventTypes: boolean;
  /** Their names, or the names of all others; undefined where the source's event types are not known. */
  readonly names: Names | undefined;
  /** Whether it can be true for events of a type, also one that the catalogue does not know. */
  mayMatch(eventType: string): boolean;
  /** The condition with macros, lists and exceptions in place, in Falco's canonical form. */
  readonly compiled: string;
  /** The tree as it was parsed, macros in place. */
  readonly ast: Expr;
  /** The checked tree: what back ends compile. */
  readonly typed: TypedExpr;
  readonly warnings: readonly Warning[];
  /** A function for one form of event. `known` says what all events that it will see have in common. */
  bind<E extends Event>(form: Form<E>, known?: Known, engine?: Engine): (event: E) => boolean;
}

export interface ConditionOptions {
  /** Names without a dot may be fields (event source `alert`): `rule = "X" and priority in (Critical, Alert)`. */
  readonly bareFields?: boolean;
  /** Where a part of the text stands in the user's file; default: its line and column in the text itself. */
  readonly place?: (span: Span) => Place;
  /** How deep it may nest; default 1000. */
  readonly maxDepth?: number;
}

/**
 * Compiles a condition.
 * @throws RuleError that says what is wrong and where
 */
export function compileCondition(text: string, catalogue: Catalogue, options: ConditionOptions = {}): Condition {
  const { bareFields = false, maxDepth = 1000, place = (span: Span) => placeIn('condition', text, span) } = options;
  return explained(place, () => {
    const ast = parseCondition(text, { maxDepth, ...(bareFields ? { bareField: bareFieldOf(catalogue) } : {}) });
    const condition = makeCondition(text, ast, catalogue);
    refuseEventTypes(condition, catalogue);
    return condition;
  });
}

/**
 * Compiles a format: text with `%field` in it.
 * @throws RuleError that says what is wrong and where
 */
export function compileFormat(
  text: string,
  catalogue: Catalogue,
  { place = (span: Span) => placeIn('format', text, span) }: Pick<ConditionOptions, 'place'> = {},
): Format {
  return explained(place, () => parseFormat(text, catalogue));
}

function bareFieldOf(catalogue: Catalogue): (name: string) => boolean {
  return (name) => catalogue.find(name) !== undefined;
}

function explained<T>(place: (span: Span) => Place, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new RuleError(
      error,
      [error, ...error.others].map(({ stage, message, span, options: { hint } }) => ({
        severity: 'error',
        code: stage === 'parse' ? 'CONDITION_SYNTAX' : 'CONDITION_INVALID',
        message,
        at: place(span),
        ...(hint === undefined ? {} : { hint }),
      })),
    );
  }
}

/** Makes a condition of a tree whose macros are resolved. Throws a Problem. */
export function makeCondition(text: string, ast: Expr, catalogue: Catalogue): Condition {
  return new CheckedCondition(text, ast, checkCondition(ast, catalogue), catalogue.eventTypes);
}

class CheckedCondition implements Condition {
  readonly text: string;
  readonly ast: Expr;
  readonly typed: TypedExpr;
  readonly reads: readonly FieldRef[];
  readonly warnings: readonly Warning[];
  readonly names: Names | undefined;
  readonly eventTypes: EventTypeSet;

  constructor(text: string, ast: Expr, { expr, reads, warnings }: Checked, known: EventTypes | undefined) {
    this.text = text;
    this.ast = ast;
    this.typed = expr;
    this.reads = reads;
    this.warnings = warnings;
    this.names = known === undefined ? undefined : inferNames(expr);
    this.eventTypes = this.names === undefined || known === undefined ? 'all' : eventTypesOf(this.names, known);
  }

  get namesEventTypes(): boolean {
    return this.names !== undefined;
  }

  get askedTypes(): ReadonlySet<string> {
    return askedTypes(this.typed);
  }

  get compiled(): string {
    return printFalco(this.ast);
  }

  mayMatch(type: string): boolean {
    return this.names === undefined || this.names.names.has(type) !== this.names.except;
  }

  bind<E extends Event>(form: Form<E>, known: Known = {}, engine: Engine = 'generated'): (event: E) => boolean {
    if (engine !== 'closures' && canGenerate()) {
      const nodes = new Nodes(form, known);
      return makePredicate(nodes.lower(this.typed), nodes);
    }
    return predicateOf(compile(this.typed, form, known));
  }
}

/** Refuses what compares event types in a way that tells nothing of them, where they are known. Throws a Problem. */
export function refuseEventTypes(condition: Trees, catalogue: Catalogue): void {
  if (catalogue.eventTypes !== undefined) refuseComputedEventTypes(condition);
}

type Trees = Pick<Condition, 'ast' | 'typed'>;

/** Refuses comparisons that hide which types are meant: rules are found by them. Throws a Problem. */
export function refuseComputedEventTypes(trees: Trees): void {
  for (const check of eventTypeChecks(trees.typed)) {
    const isPlain = isEventTypeField(check.left);
    // What other operators compare narrows nothing, computed or not.
    if (!['=', '!=', 'in'].includes(check.operator) && (isPlain || check.operator !== 'exists')) continue;
    if (!isPlain) {
      const falco = 'event code search does not support `evt.type` checks with transformers';
      refuse(trees, check, 'the event type is compared as it is: rules are found by it', { falco });
    }
    if (check.right === undefined) continue;
    const falco =
      'right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search';
    refuse(trees, check, 'the event type is compared with names: rules are found by it', { falco });
  }
}

function refuse({ ast, typed }: Trees, check: TypedCheck, message: string, options: ProblemOptions): never {
  const problem = new Problem('compile', message, check.span, { falcoStart: check.span.start, ...options });
  const [found] = checksWithin(ast, typed, (each) => each === check);
  problem.within = found?.within ?? [];
  throw problem;
}
