/**
 * What must hold of an event of a type for a condition to be true, in the few words that the kernel programs know
 * (core/necessary.ts): how the call ended, how a file is opened, how its path looks, what kind of socket it is and where
 * the ends of that are, and what the thread is called.
 * Whatever else the condition says is left out, so this is true whenever the condition is, and often when it is not.
 */

import type { Necessary, Result } from '../../events/necessary.ts';
import { inferNames } from '../check/event-types.ts';
import type { TypedCheck, TypedExpr } from '../check/typed-ast.ts';
import { asTheyAre, type Lists } from '../lists/list-feed.ts';
import type { Constant } from '../values/constants.ts';
import { checkWithFew, feedsIn } from './few-items.ts';
import { ANYTHING, both, MOST_LISTED, merge } from './necessary-clauses.ts';
import { OPENS, ofListedPath, ofPath, UNDECODED } from './necessary-paths.ts';
import { ofSocket, SOCKET_CALLS } from './necessary-sockets.ts';

/**
 * The necessary condition of `expr` for events of type `eventType`: one of the clauses holds. With lists from elsewhere it
 * is so for as long as these hold the items that `lists` tells of.
 */
export function necessary(expr: TypedExpr, eventType: string, lists: Lists = asTheyAre): Necessary {
  if (feedsIn(expr).length > 0) return ofExpr(expr, { type: eventType, lists }, false);
  const byType = kept.get(expr) ?? new Map<string, Necessary>();
  kept.set(expr, byType);
  const known = byType.get(eventType) ?? ofExpr(expr, { type: eventType, lists }, false);
  byType.set(eventType, known);
  return known;
}

/** By event type: of conditions of which nothing changes, which are asked more than once. */
const kept = new WeakMap<TypedExpr, Map<string, Necessary>>();

interface Asked {
  readonly type: string;
  readonly lists: Lists;
}

/** What must hold of an event of each type for one of the conditions to be true; types of which nothing is known are left out. */
export function necessaryByType(
  conditions: readonly { readonly typed: TypedExpr; mayMatch(eventType: string): boolean }[],
  types: Iterable<string>,
  lists: Lists = asTheyAre,
): ReadonlyMap<string, Necessary> {
  const byType = new Map<string, Necessary>();
  for (const type of types) {
    const own = conditions.filter((condition) => condition.mayMatch(type));
    const joined = merge(own.flatMap(({ typed }) => necessary(typed, type, lists)));
    if (joined !== ANYTHING) byType.set(type, joined);
  }
  return byType;
}

function ofExpr(expr: TypedExpr, asked: Asked, negated: boolean): Necessary {
  switch (expr.kind) {
    case 'not':
      return ofExpr(expr.item, asked, !negated);
    case 'check':
      return ofCheck(expr, asked, negated);
    default: {
      const items = expr.items.map((item) => ofExpr(item, asked, negated));
      return (expr.kind === 'and') !== negated ? items.reduce(both, ANYTHING) : merge(items.flat());
    }
  }
}

function ofCheck(check: TypedCheck, { type, lists }: Asked, negated: boolean): Necessary {
  const names = inferNames(negated ? { kind: 'not', item: check } : check);
  if (names.names.has(type) === names.except) return [];
  // A check of an absent value is false, and its negation true.
  if (negated) return ofSocket(check, type, true) ?? ANYTHING;
  const { right } = check;
  if (right?.kind !== 'feed') return ofPositive(check, type) ?? ANYTHING;
  const paths = OPENS.has(type) ? ofListedPath(check, right, lists) : undefined;
  return ofPositive(checkWithFew(check, lists), type) ?? (paths && [{ paths }]) ?? ANYTHING;
}

const UNIX_PATHS: ReadonlySet<string> = new Set(['fd.name', 'fd.realpath']);

function ofPositive(check: TypedCheck, type: string): Necessary | undefined {
  const { left, constants, modifier } = check;
  const socket = ofSocket(check, type, false);
  // What is opened is no socket.
  const isOpen = OPENS.has(type);
  if (isOpen && socket?.every(({ sockets }) => !sockets?.has('other'))) return [];
  const known = isOpen ? undefined : socket;
  if (constants === undefined) return known;
  // One constant is as good as any modifier; of several `oneof` and `anyof` are alternatives.
  if (modifier === 'allof' && constants.length !== 1) return known;
  if (constants.length > MOST_LISTED) return known;
  // Nothing is one of none; only all the values of a list that has none are.
  if (constants.length === 0 && !left.list) return [];
  if (left.kind === 'field') {
    const outcome = ofOutcome(left.ref.text, check, constants, type);
    if (outcome !== undefined) return outcome;
  }
  if (isOpen || isUnixName(check, type, known)) {
    const paths = ofPath(left, check, constants);
    if (paths !== undefined) return [{ ...known?.[0], paths }];
  }
  return known;
}

/** Whether it is about a path of a unix socket: `fd.name` is the one given, or ends in it behind `HEX->HEX `. */
function isUnixName({ left, operator }: TypedCheck, type: string, socket: Necessary | undefined): boolean {
  const isText = operator !== 'glob' && operator !== 'pmatch';
  return (
    SOCKET_CALLS.has(type) && socket !== undefined && isText && left.kind === 'field' && UNIX_PATHS.has(left.ref.text)
  );
}

const only = (...results: Result[]): Necessary => [{ results: new Set(results) }];

function ofOutcome(
  field: string,
  check: TypedCheck,
  constants: readonly Constant[],
  type: string,
): Necessary | undefined {
  switch (field) {
    case 'evt.rawres':
      return ofNumber(check, constants);
    case 'fd.num':
      return OPENS.has(type) ? ofNumber(check, constants) : undefined;
    case 'evt.res':
      return isEquality(check) ? ofErrors(constants) : undefined;
    case 'evt.failed':
      return ofFlag(check, constants, (failed) => (failed ? only('in_progress', 'failed') : only('ok')));
    case 'evt.is_open_read':
      return ofFlag(check, constants, (reads) => (OPENS.has(type) ? [{ reads }] : reads ? [] : ANYTHING));
    case 'evt.is_open_write':
      return ofFlag(check, constants, (writes) => (OPENS.has(type) ? [{ writes }] : writes ? [] : ANYTHING));
    case 'proc.name':
      return isEquality(check) ? ofNames(constants) : undefined;
    default:
      return undefined;
  }
}

const isEquality = ({ operator }: TypedCheck) => operator === '=' || operator === 'in';

/** The number that a call returned: descriptors and lengths are not negative, errors are. */
function ofNumber(check: TypedCheck, constants: readonly Constant[]): Necessary | undefined {
  const numbers = constants.filter((constant) => typeof constant === 'number' || typeof constant === 'bigint');
  if (numbers.length !== constants.length || numbers.length === 0) return undefined;
  const every = (test: (value: number | bigint) => boolean) => numbers.every(test);
  switch (check.operator) {
    case '=':
    case 'in':
      if (every((value) => value >= 0)) return only('ok');
      return every((value) => value < 0) ? only('in_progress', 'failed') : undefined;
    case '>=':
      return every((value) => value >= 0) ? only('ok') : undefined;
    case '>':
      return every((value) => value >= -1) ? only('ok') : undefined;
    case '<':
      return every((value) => value <= 0) ? only('in_progress', 'failed') : undefined;
    case '<=':
      return every((value) => value < 0) ? only('in_progress', 'failed') : undefined;
    default:
      return undefined;
  }
}

function ofErrors(constants: readonly Constant[]): Necessary {
  const resultOf = (name: Constant): Result =>
    name === 'SUCCESS' ? 'ok' : name === 'EINPROGRESS' ? 'in_progress' : 'failed';
  return only(...constants.map(resultOf));
}

function ofFlag(
  check: TypedCheck,
  constants: readonly Constant[],
  make: (value: boolean) => Necessary,
): Necessary | undefined {
  const [value] = constants;
  return check.operator === '=' && constants.length === 1 && typeof value === 'boolean' ? make(value) : undefined;
}

/** Bytes of a thread's name, at most (prctl(2), PR_SET_NAME). */
const COMM_MAX = 15;

function ofNames(constants: readonly Constant[]): Necessary | undefined {
  // Other bytes have that text too.
  const isKnown = (name: Constant): name is string =>
    typeof name === 'string' && !UNDECODED.test(name) && !name.includes('\0');
  if (!constants.every(isKnown)) return undefined;
  const comms = constants.filter((name) => Buffer.byteLength(name) <= COMM_MAX);
  return comms.length === 0 ? [] : [{ comms }];
}
