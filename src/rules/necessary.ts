/**
 * What must hold of an event of a type for a condition to be true, in the few words that the kernel programs know
 * (core/necessary.ts): how the call ended, how a file is opened, how its path looks, what kind of socket it is and where
 * the ends of that are, and what the thread is called.
 * Whatever else the condition says is left out, so this is true whenever the condition is, and often when it is not.
 */

import type { Clause, Necessary, PathProperty, PathSet, Result } from '../events/necessary.ts';
import type { Constant } from './constants.ts';
import { inferNames } from './event-types.ts';
import { checkWithFew, feedsIn } from './few-items.ts';
import { asTheyAre, type Lists } from './list-feed.ts';
import { bothEnds, eitherEnds, ofSocket } from './necessary-sockets.ts';
import type { TypedCheck, TypedExpr, TypedFeed, TypedTerm } from './typed-ast.ts';

/** Anything may hold. */
const ANYTHING: Necessary = [{}];
/** More clauses than this are joined into one that says nothing. */
const MOST = 64;
/** More paths or names than this are too many to look for in the kernel: nothing is said of them. */
const MOST_LISTED = 1000;

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

/** Both hold: each clause of one with each of the other, as far as they do not contradict. */
function both(a: Necessary, b: Necessary): Necessary {
  if (a === ANYTHING) return b;
  if (b === ANYTHING) return a;
  if (a.length * b.length > MOST * MOST) return a;
  return merge(a.flatMap((one) => b.flatMap((other) => conjunction(one, other) ?? [])));
}

function conjunction(a: Clause, b: Clause): Clause | undefined {
  const results = a.results && b.results ? a.results.intersection(b.results) : (a.results ?? b.results);
  if (results?.size === 0) return undefined;
  for (const key of ['reads', 'writes'] as const) {
    if (a[key] !== undefined && b[key] !== undefined && a[key] !== b[key]) return undefined;
  }
  const sockets = a.sockets && b.sockets ? a.sockets.intersection(b.sockets) : (a.sockets ?? b.sockets);
  if (sockets?.size === 0) return undefined;
  const ends = a.ends && b.ends ? bothEnds(a.ends, b.ends) : (a.ends ?? b.ends);
  if (ends === undefined && a.ends) return undefined;
  const paths = a.paths && b.paths ? narrower(a.paths, b.paths) : (a.paths ?? b.paths);
  const comms = a.comms && b.comms ? [...new Set(a.comms).intersection(new Set(b.comms))] : (a.comms ?? b.comms);
  if (comms?.length === 0) return undefined;
  return {
    ...a,
    ...b,
    ...(results ? { results } : {}),
    ...(sockets ? { sockets } : {}),
    ...(paths ? { paths } : {}),
    ...(ends ? { ends } : {}),
    ...(comms ? { comms } : {}),
  };
}

/** Of two sets of properties the one that fewer paths have. Both are necessary, so either will do. */
function narrower(a: readonly PathProperty[], b: readonly PathProperty[]): readonly PathProperty[] {
  return breadth(a) <= breadth(b) ? a : b;
}

function breadth(paths: readonly PathProperty[]): number {
  const each = ({ of, kind, value }: PathProperty) =>
    (of === 'real' ? 1 : 0) + (kind === 'hidden' ? 40 : kind === 'name' ? 1 : Math.max(1, 40 - 4 * value.length));
  return Math.max(...paths.map(each));
}

/** Clauses of one outcome that ask for the same things become one; where one asks for nothing more, it is the only one. */
function merge(clauses: Necessary): Necessary {
  const byOutcome = new Map<string, Map<string, Clause>>();
  for (const clause of clauses) {
    const { results, reads, writes, sockets, paths, ends, comms } = clause;
    const key = JSON.stringify([results && [...results].sort(), reads, writes, sockets && [...sockets].sort()]);
    const alike = byOutcome.get(key) ?? new Map<string, Clause>();
    byOutcome.set(key, alike);
    const asks = [paths && 'paths', ends && 'ends', comms && 'comms'].join(' ').trim();
    const known = alike.get(asks);
    alike.set(asks, known === undefined ? clause : either(known, clause));
  }
  const merged = [...byOutcome.values()].flatMap((alike) => {
    const bare = alike.get(BARE);
    return bare === undefined ? [...alike.values()] : [bare];
  });
  if (merged.some((clause) => Object.keys(clause).length === 0) || merged.length > MOST) return ANYTHING;
  return merged;
}

const BARE = '';

/** What holds whenever one of two clauses does that ask for the same things. */
function either({ paths: somePaths, ends: someEnds, comms: someComms, ...outcome }: Clause, b: Clause): Clause {
  const paths = eachOnce([...(somePaths ?? []), ...(b.paths ?? [])]);
  const ends = eitherEnds(someEnds ?? [], b.ends ?? []);
  const comms = new Set([...(someComms ?? []), ...(b.comms ?? [])]);
  return {
    ...outcome,
    ...(somePaths && paths.length <= MOST_LISTED && { paths }),
    ...(someEnds && ends && { ends }),
    ...(someComms && comms.size <= MOST_LISTED && { comms: [...comms] }),
  };
}

function eachOnce(paths: readonly PathProperty[]): readonly PathProperty[] {
  return [...Map.groupBy(paths, ({ among }) => among).values()].flatMap((alike) => [
    ...new Map(alike.map((path) => [`${path.of} ${path.kind} ${path.value}`, path])).values(),
  ]);
}

function ofCheck(check: TypedCheck, { type, lists }: Asked, negated: boolean): Necessary {
  const names = inferNames(negated ? { kind: 'not', item: check } : check);
  if (names.names.has(type) === names.except) return [];
  // A check of an absent value is false, and its negation true.
  if (negated) return ofSocket(check, type, true) ?? ANYTHING;
  const { right } = check;
  if (right?.kind !== 'feed') return ofPositive(check, type) ?? ANYTHING;
  const paths = OPENS.has(type) ? ofFeeds(check, right, lists) : undefined;
  return ofPositive(checkWithFew(check, lists), type) ?? (paths && [{ paths }]) ?? ANYTHING;
}

/** What a path begins with that is in a list, or begins like one there. */
function ofFeeds(check: TypedCheck, { feeds, constants }: TypedFeed, lists: Lists): PathProperty[] | undefined {
  const found = ofPath(check.left, check, constants);
  for (const { items } of feeds) {
    const { beginnings, paths } = lists(items);
    const prefixes = beginnings && ofPath(check.left, { operator: 'startswith' }, beginnings);
    const known = among(paths, check.left, prefixes) ?? prefixes;
    if (found === undefined || known === undefined) return undefined;
    found.push(...known);
  }
  return found;
}

/** What is known of a path besides how it begins; however that is, it may be among many. */
function among(
  paths: PathSet | undefined,
  left: TypedTerm,
  prefixes: readonly PathProperty[] | undefined,
): readonly PathProperty[] | undefined {
  const subject = subjectOf(left);
  if (paths === undefined || subject?.part !== 'whole') return undefined;
  const anything: PathProperty = { of: subject.of, kind: 'prefix', value: '' };
  return (prefixes ?? [anything]).map((prefix) => ({ ...prefix, among: paths }));
}

const OPENS: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat']);
const SOCKET_CALLS: ReadonlySet<string> = new Set(
  'socket bind connect listen accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg'.split(' '),
);

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

/** Whether it is about the path of a unix socket: `fd.name` is that, or ends in it behind `HEX->HEX `. */
function isUnixName({ left, operator }: TypedCheck, type: string, socket: Necessary | undefined): boolean {
  const isText = operator !== 'glob' && operator !== 'pmatch';
  return (
    SOCKET_CALLS.has(type) && socket !== undefined && isText && left.kind === 'field' && left.ref.text === 'fd.name'
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

/** Properties one of which a path has when the check is true; undefined when it says nothing that can be looked for. */
function ofPath(
  left: TypedTerm,
  check: Pick<TypedCheck, 'operator'>,
  constants: readonly Constant[],
): PathProperty[] | undefined {
  const subject = subjectOf(left);
  if (subject === undefined) return undefined;
  const found = constants.map((constant) =>
    typeof constant === 'string' ? ofText(subject, check.operator, constant) : undefined,
  );
  return found.every((one) => one !== undefined) ? found.flat() : undefined;
}

interface Subject {
  readonly of: 'text' | 'real';
  /** The whole path, the directory of it, its last name, the path before it was put in order. */
  readonly part: 'whole' | 'directory' | 'name' | 'raw';
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  'fd.name': { of: 'text', part: 'whole' },
  'fs.path.name': { of: 'text', part: 'whole' },
  'evt.arg.name': { of: 'text', part: 'whole' },
  'fd.directory': { of: 'text', part: 'directory' },
  'fd.filename': { of: 'text', part: 'name' },
  'fd.nameraw': { of: 'text', part: 'raw' },
  'fd.realpath': { of: 'real', part: 'whole' },
};

function subjectOf(term: TypedTerm): Subject | undefined {
  if (term.kind === 'field') return SUBJECTS[term.ref.text];
  if (term.kind !== 'call' || term.name !== 'basename' || term.args.length !== 1) return undefined;
  const inner = subjectOf(term.args[0] as TypedTerm);
  return inner?.part === 'whole' ? { ...inner, part: 'name' } : undefined;
}

/** What decoding makes of bytes that are not UTF-8, and what follows it. */
const UNDECODED = /\ufffd.*$/s;

type Find = (text: string) => PathProperty[] | undefined;

/** Makes what looks for a property of one of the two paths. Only what a path certainly has may be asked of it. */
function finders(of: Subject['of']): Readonly<Record<'prefix' | 'name' | 'hidden', Find>> {
  const one = (kind: PathProperty['kind'], value: string): PathProperty[] => [{ of, kind, value }];
  const prefix = (text: string) => (text.startsWith('/') && text !== '/' ? one('prefix', text) : undefined);
  return {
    // The root directory is in front of everything.
    prefix: (text) => prefix(text.replace(UNDECODED, '')),
    name: (text) => (text !== '' && !text.includes('/') && !UNDECODED.test(text) ? one('name', text) : undefined),
    hidden: (text) => (text.includes('/.') ? one('hidden', '') : undefined),
  };
}

function ofText({ of, part }: Subject, operator: TypedCheck['operator'], value: string): PathProperty[] | undefined {
  const { prefix, name, hidden } = finders(of);
  // What is written crookedly always passes, so this asks for nothing more: a name that no path has stands for it.
  if (part === 'raw') return operator === 'contains' && value.includes('./') ? name('.') : undefined;
  if (part === 'name') return operator === '=' || operator === 'in' ? name(value) : undefined;
  switch (operator) {
    case '=':
    case 'in':
    case 'startswith':
      return prefix(value);
    case 'pmatch':
      return prefix(`/${beforeWildcards(value).split('/').filter(Boolean).join('/')}`);
    case 'glob':
      // In brackets and behind a backslash letters mean something else.
      return prefix(beforeWildcards(value)) ?? (/[[\\]/.test(value) ? undefined : hidden(value.replace(/[*?]/g, '\0')));
    case 'contains':
      return hidden(value);
    case 'endswith':
      return (part === 'whole' ? ofEnd(value, name) : undefined) ?? hidden(value);
    default:
      return undefined;
  }
}

const beforeWildcards = (pattern: string) => pattern.replace(/[*?[\\].*$/s, '');

/** A path that ends in `/name` has that last name. */
function ofEnd(value: string, name: Find): PathProperty[] | undefined {
  const slash = value.lastIndexOf('/');
  return slash < 0 ? undefined : name(value.slice(slash + 1));
}
