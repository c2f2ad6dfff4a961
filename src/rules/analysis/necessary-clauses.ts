/** What must hold, put together: clauses that all hold, or one of which does. Whatever is left out makes it say less. */

import type { Clause, Necessary, PathProperty } from '../../events/necessary.ts';
import { bothEnds, eitherEnds } from './necessary-sockets.ts';

/** Anything may hold. */
export const ANYTHING: Necessary = [{}];
/** More clauses than this are joined into one that says nothing. */
const MOST = 64;
/** More paths or names than this are too many to look for in the kernel: nothing is said of them. */
export const MOST_LISTED = 1000;

/** Both hold: each clause of one with each of the other, as far as they do not contradict. */
export function both(a: Necessary, b: Necessary): Necessary {
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
export function merge(clauses: Necessary): Necessary {
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
