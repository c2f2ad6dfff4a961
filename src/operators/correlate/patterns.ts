/** Patterns of `correlate`: each looks for a match that has the event which has just come, and returns its events' places. */

import type { Seen } from './window.ts';

/**
 * Finds a match within `within` ns that has the event at `place`. `events` are in the order of their times. Undefined when
 * there is none.
 */
export type Pattern = (events: readonly Seen[], place: number, within: bigint) => readonly number[] | undefined;

/** So many events. */
export function threshold(count: number): Pattern {
  return (events, place, within) => {
    // The first run of so many that has the new one and is short enough.
    for (let from = Math.max(0, place - count + 1); from <= place; from++) {
      const last = from + count - 1;
      if (last >= events.length) return undefined;
      if (span(events, from, last) <= within) return range(from, last);
    }
    return undefined;
  };
}

/** Events with so many different values. */
export function distinct(count: number): Pattern {
  return (events, place, within) => {
    const values = new Map<string, number>();
    const add = (value: string, change: number) => {
      const left = (values.get(value) ?? 0) + change;
      if (left > 0) values.set(value, left);
      else values.delete(value);
    };
    const found = slide(events, place, within, {
      enter: ({ value }) => add(value, 1),
      leave: ({ value }) => add(value, -1),
      matches: () => values.size >= count,
    });
    return found && range(...found);
  };
}

/** An event for each step, in their order. */
export function sequence(steps: number): Pattern {
  return (events, place, within) => {
    for (let own = 0; own < steps; own++) {
      if (!satisfies(events, place, own)) continue;
      // Nearest before and nearest behind make the shortest of all sequences that have the new one here.
      const before = chain(events, place, own, -1, 0);
      const behind = chain(events, place, own, 1, steps - 1);
      if (!before || !behind) continue;
      const places = [...before.reverse(), place, ...behind];
      if (span(events, places[0] as number, places.at(-1) as number) <= within) return places;
    }
    return undefined;
  };
}

/** An event for each side, in any order. */
export function join(sides: number): Pattern {
  return (events, place, within) => {
    const counts = new Array<number>(sides).fill(0);
    const add = ({ steps }: Seen, change: number) => {
      for (let side = 0; side < sides; side++) if (steps & (1 << side)) counts[side] = (counts[side] ?? 0) + change;
    };
    let places: number[] | undefined;
    slide(events, place, within, {
      enter: (event) => add(event, 1),
      leave: (event) => add(event, -1),
      matches(from, to) {
        // Only where there is one for every side is it worth looking which.
        if (counts.includes(0)) return false;
        places = sidesIn(events, from, to, place, sides);
        return places !== undefined;
      },
    });
    return places;
  };
}

// For each side an event of its own; the new one for one of them.
function sidesIn(
  events: readonly Seen[],
  from: number,
  to: number,
  place: number,
  sides: number,
): number[] | undefined {
  for (let own = 0; own < sides; own++) {
    if (!satisfies(events, place, own)) continue;
    const sideOf = new Map([[place, own]]);
    // An event that has a side already may leave it when that finds another one (Kuhn's matching).
    const assign = (side: number, tried: Set<number>): boolean => {
      for (let at = from; at <= to; at++) {
        if (at === place || tried.has(at) || !satisfies(events, at, side)) continue;
        tried.add(at);
        const other = sideOf.get(at);
        if (other !== undefined && !assign(other, tried)) continue;
        sideOf.set(at, side);
        return true;
      }
      return false;
    };
    const others = Array.from({ length: sides }, (_, side) => side).filter((side) => side !== own);
    if (others.every((side) => assign(side, new Set()))) return [...sideOf.keys()].sort((a, b) => a - b);
  }
  return undefined;
}

interface Slide {
  enter(event: Seen): void;
  leave(event: Seen): void;
  matches(from: number, to: number): boolean;
}

// Tries every longest run within the time that has the event at `place`, in one pass; the first that matches.
function slide(events: readonly Seen[], place: number, within: bigint, work: Slide): [number, number] | undefined {
  let from = 0;
  while (span(events, from, place) > within) from++;
  for (let to = from - 1; from <= place; from++) {
    while (to + 1 < events.length && span(events, from, to + 1) <= within) work.enter(events[++to] as Seen);
    if (work.matches(from, to)) return [from, to];
    work.leave(events[from] as Seen);
  }
  return undefined;
}

// The events of the steps from beside `own` to `last`, walking away from the one at `place`.
function chain(
  events: readonly Seen[],
  place: number,
  own: number,
  direction: 1 | -1,
  last: number,
): number[] | undefined {
  const places: number[] = [];
  let at = place;
  for (let step = own; step !== last; step += direction) {
    do at += direction;
    while (at >= 0 && at < events.length && !satisfies(events, at, step + direction));
    if (at < 0 || at >= events.length) return undefined;
    places.push(at);
  }
  return places;
}

function satisfies(events: readonly Seen[], place: number, step: number): boolean {
  return ((events[place] as Seen).steps & (1 << step)) !== 0;
}

function span(events: readonly Seen[], from: number, to: number): bigint {
  return (events[to] as Seen).time - (events[from] as Seen).time;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
