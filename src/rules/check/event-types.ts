/** Which event types a condition can be true for (spec/falco-engine.md §2.8): rules are found by them, syscalls chosen. */

import type { EventTypes } from '../../events/field.ts';
import type { TypedCheck, TypedExpr, TypedTerm } from './typed-ast.ts';

/** Names of event types; `all` where the condition does not narrow them. */
export type EventTypeSet = 'all' | ReadonlySet<string>;

/** These names, or all names but these. */
export interface Names {
  readonly except: boolean;
  readonly names: ReadonlySet<string>;
}

const everything: Names = { except: true, names: new Set() };
const nothing: Names = { except: false, names: new Set() };

/** The event types of a condition with these names. */
export function eventTypesOf({ except, names }: Names, known: EventTypes): EventTypeSet {
  if (!except) return names;
  return names.size === 0 ? 'all' : known.names.difference(names);
}

/** The names of the event types that a condition can be true for, or the names that are excluded. */
export function inferNames(expr: TypedExpr): Names {
  return infer(expr, false);
}

/** The event types that checks in a condition ask for by name, also where it holds for others too. */
export function askedTypes(expr: TypedExpr, negated = false): ReadonlySet<string> {
  if (expr.kind === 'not') return askedTypes(expr.item, !negated);
  if (expr.kind !== 'check') return new Set(expr.items.flatMap((item) => [...askedTypes(item, negated)]));
  const { except, names } = inferCheck(expr, negated);
  return except ? new Set() : names;
}

/** How many of Falco's event codes a condition with these names can be true for: each name has two or more of them. */
export function countEventCodes({ except, names }: Names, known: EventTypes): number {
  const codes = new Set<number>();
  for (const name of names) for (const code of known.codes(name)) codes.add(code);
  return except ? known.codeCount - codes.size : codes.size;
}

function infer(expr: TypedExpr, negated: boolean): Names {
  switch (expr.kind) {
    case 'not':
      return infer(expr.item, !negated);
    case 'check':
      return inferCheck(expr, negated);
    default: {
      if (expr.asksType === false) return everything;
      const join = (expr.kind === 'and') !== negated ? intersection : union;
      let names = infer(expr.items[0] as TypedExpr, negated);
      for (let index = 1; index < expr.items.length; index++) {
        names = join(names, infer(expr.items[index] as TypedExpr, negated));
      }
      return names;
    }
  }
}

/** Most checks are of something else than the type. */
function isEverything({ except, names }: Names): boolean {
  return except && names.size === 0;
}

function complement({ except, names }: Names): Names {
  return { except: !except, names };
}

function intersection(a: Names, b: Names): Names {
  if (isEverything(a)) return b;
  if (isEverything(b)) return a;
  if (a.except && b.except) return { except: true, names: a.names.union(b.names) };
  if (a.except) return { except: false, names: b.names.difference(a.names) };
  if (b.except) return { except: false, names: a.names.difference(b.names) };
  return { except: false, names: a.names.intersection(b.names) };
}

function union(a: Names, b: Names): Names {
  if (isEverything(a)) return a;
  if (isEverything(b)) return b;
  return complement(intersection(complement(a), complement(b)));
}

function inferCheck(check: TypedCheck, negated: boolean): Names {
  const names = checkedNames(check);
  if (names !== undefined) return negated ? complement(names) : names;
  const constant = constantNumberCheck(check);
  return constant === negated ? nothing : everything;
}

/** The names that a check of the event type lets pass. */
function checkedNames({ left, operator, modifier, constants = [] }: TypedCheck): Names | undefined {
  if (!isEventTypeField(left)) return undefined;
  if (operator === 'exists') return everything;
  if (operator !== '=' && operator !== '!=' && operator !== 'in') return undefined;
  /** Whether the check lets pass a name that so many constants are. */
  const passes = (equal: number): boolean => {
    const count = operator === '!=' ? constants.length - equal : equal;
    if (modifier === 'oneof') return count === 1;
    return modifier === 'allof' ? count > 0 && count === constants.length : count > 0;
  };
  const times = new Map<string, number>();
  for (const name of constants) if (typeof name === 'string') times.set(name, (times.get(name) ?? 0) + 1);
  const except = passes(0);
  const names = new Set<string>();
  for (const [name, equal] of times) if (passes(equal) !== except) names.add(name);
  return { except, names };
}

/** `evt.num` counts from 1: whether a check of it is true for every event, or for none; undefined when it depends. */
export function constantNumberCheck({ left, operator, modifier, constants }: TypedCheck): boolean | undefined {
  if (left.kind !== 'field' || left.ref.text !== 'evt.num' || modifier !== undefined) return undefined;
  const values = constants?.filter((constant) => typeof constant === 'number' || typeof constant === 'bigint');
  if (values === undefined) return undefined;
  if (operator === '=' || operator === 'in') return values.every((each) => each < 1) ? false : undefined;
  const [value] = values;
  if (value === undefined) return undefined;
  switch (operator) {
    case '!=':
      return value < 1 ? true : undefined;
    case '<':
      return value <= 1 ? false : undefined;
    case '<=':
      return value < 1 ? false : undefined;
    case '>':
      return value < 1 ? true : undefined;
    case '>=':
      return value <= 1 ? true : undefined;
    default:
      return undefined;
  }
}

/** Every check of the event type in a condition. */
export function eventTypeChecks(expr: TypedExpr): readonly TypedCheck[] {
  const found: TypedCheck[] = [];
  const visit = (each: TypedExpr): void => {
    if (each.kind === 'not') visit(each.item);
    else if (each.kind !== 'check') {
      if (each.asksType !== false) each.items.forEach(visit);
    } else if (readsEventType(each.left)) found.push(each);
  };
  visit(expr);
  return found;
}

function readsEventType(term: TypedTerm): boolean {
  if (term.kind === 'field') return isEventTypeField(term);
  return term.kind === 'call' && term.args.some(readsEventType);
}

/** Whether a check of a term may say something of the event's type: no event has a number below 1. */
export function tellsType(term: TypedTerm): boolean {
  return readsEventType(term) || (term.kind === 'field' && term.ref.text === 'evt.num');
}

/** Whether a term is the event's type as it is. */
export function isEventTypeField(term: TypedTerm): boolean {
  return term.kind === 'field' && (term.ref.text === 'evt.type' || term.ref.text === 'syscall.type');
}
