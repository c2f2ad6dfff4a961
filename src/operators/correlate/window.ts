/** What `correlate` remembers: by key, the events of a while of event time, in their order; bounded, and what gives way is counted. */

import type { Value } from '../../core/event.ts';
import type { Counters } from '../../core/metrics.ts';

/** What is kept of an event. */
export interface Seen {
  /** ns since the epoch. */
  readonly time: bigint;
  /** Which of the patterns it satisfies, by their places; one bit each. */
  readonly steps: number;
  /** What is counted when different values are. */
  readonly value: string;
  /** In a few words, for the alert. */
  readonly what: string;
  readonly source: string;
}

export interface Group {
  /** Values of the key's fields. */
  readonly values: readonly (Value | undefined)[];
  /** Oldest first. */
  events: Seen[];
  /** Those of before the start that have not come again: a source gives again what had not settled on all its ways. */
  again: Seen[];
  /** Time of the youngest. */
  newest: bigint;
}

export interface WindowOptions {
  /** ns of event time that an event may matter to others. */
  readonly within: bigint;
  /** ns that events may come late. */
  readonly lateness: bigint;
  readonly maxKeys: number;
  readonly maxPerKey: number;
  readonly metrics: Counters;
}

const AHEAD = 300_000_000_000n; // ns that an event may be ahead of the clock: 5 m

/** A window as it is saved. */
export interface SavedWindow {
  readonly latest: bigint;
  readonly groups: readonly (readonly [key: string, values: Group['values'], events: readonly Seen[]])[];
}

export class Window {
  readonly #options: WindowOptions;
  // In the order in which they last got an event.
  readonly #groups = new Map<string, Group>();
  #latest = 0n;
  // The clock when the last event came, in ns.
  #clock = 0n;

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  /** Groups held. */
  get size(): number {
    return this.#groups.size;
  }

  /**
   * Adds an event and returns its group, and the event's place in it; undefined when it comes too late, or was here before the
   * start. `now`: ms since the epoch; times far beyond it are taken for five minutes ahead.
   */
  add(key: string, values: Group['values'], event: Seen, now: number): { group: Group; place: number } | undefined {
    const { metrics, maxPerKey } = this.#options;
    const clock = BigInt(Math.round(now)) * 1_000_000n;
    const most = clock + AHEAD;
    this.#follow(clock, most);
    const ahead = event.time > most;
    if (ahead) metrics.add('clamped', '', 1);
    const seen = ahead ? { ...event, time: most } : event;
    if (seen.time > this.#latest) this.#latest = seen.time;
    const oldest = this.#oldest();
    if (seen.time < oldest) {
      metrics.add('late', '', 1);
      return undefined;
    }
    this.#forget(oldest);
    const group = this.#group(key, values);
    cut(group.events, oldest);
    cut(group.again, oldest);
    const known = group.again.findIndex((each) => isSame(each, seen));
    if (known >= 0) {
      group.again.splice(known, 1);
      return undefined;
    }
    if (group.events.length >= maxPerKey) {
      group.events.shift();
      metrics.add('evicted', 'max_per_key', 1);
    }
    const place = placeOf(group.events, seen.time);
    group.events.splice(place, 0, seen);
    if (seen.time > group.newest) group.newest = seen.time;
    return { group, place };
  }

  /** Puts events back that were taken out of a group. */
  putBack(key: string, values: Group['values'], events: readonly Seen[]): void {
    const group = this.#group(key, values);
    for (const event of events) {
      group.events.splice(placeOf(group.events, event.time), 0, event);
      if (event.time > group.newest) group.newest = event.time;
    }
    group.events.splice(0, Math.max(0, group.events.length - this.#options.maxPerKey));
  }

  /** Puts events back that were here before the start: each of them counts once, also when it comes again. */
  bringBack(key: string, values: Group['values'], events: readonly Seen[]): void {
    this.putBack(key, values, events);
    const { again } = this.#group(key, values);
    for (const event of events) again.splice(placeOf(again, event.time), 0, event);
  }

  save(): SavedWindow {
    const groups = [...this.#groups].map(([key, { values, events }]) => [key, values, [...events]] as const);
    return { latest: this.#latest, groups };
  }

  restore({ latest, groups }: SavedWindow): void {
    this.#latest = latest;
    for (const [key, values, events] of groups) this.bringBack(key, values, events);
  }

  /** When the clock is set back, events that come from then on are not late: what was latest goes back with it. */
  #follow(clock: bigint, most: bigint): void {
    if (clock < this.#clock) this.#latest -= this.#clock - clock;
    if (this.#latest > most) this.#latest = most;
    this.#clock = clock;
  }

  #oldest(): bigint {
    return this.#latest - this.#options.within - this.#options.lateness;
  }

  #group(key: string, values: Group['values']): Group {
    const group = this.#groups.get(key) ?? { values, events: [], again: [], newest: 0n };
    this.#groups.delete(key);
    this.#groups.set(key, group);
    if (this.#groups.size > this.#options.maxKeys) {
      this.#groups.delete(this.#groups.keys().next().value as string);
      this.#options.metrics.add('evicted', 'max_keys', 1);
    }
    return group;
  }

  // Groups whose time is over are mostly those that got no event for long.
  #forget(oldest: bigint): void {
    for (const [key, { newest, events }] of this.#groups) {
      if (newest >= oldest && events.length > 0) break;
      this.#groups.delete(key);
    }
  }
}

/** Removes what is older. */
function cut(events: Seen[], oldest: bigint): void {
  const over = events.findIndex(({ time }) => time >= oldest);
  if (over !== 0) events.splice(0, over < 0 ? events.length : over);
}

function isSame(a: Seen, b: Seen): boolean {
  const alike = a.time === b.time && a.steps === b.steps && a.value === b.value;
  return alike && a.what === b.what && a.source === b.source;
}

/** Behind those of the same time: what came first is first. */
function placeOf(events: readonly Seen[], time: bigint): number {
  let place = events.length;
  while (place > 0 && (events[place - 1] as Seen).time > time) place--;
  return place;
}
