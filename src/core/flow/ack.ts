/** Acknowledgement: what became of a batch, told to the source that must know. */

/**
 * What became of events; where several parts settle, the one that comes last here counts. `filtered`: nothing asked for
 * them. `absorbed`: part of an operator's state, which is saved. `delivered`: a sink has them. `spooled`: on disk, for a
 * sink that gets them later. `dead_lettered`: given up, kept on disk for people to look at. `dropped`: given up and
 * counted. `failed`: could not be delivered now; the source emits them again. All but `failed` let the source advance.
 */
export type Status = 'filtered' | 'absorbed' | 'delivered' | 'spooled' | 'dead_lettered' | 'dropped' | 'failed';

const RANK: Record<Status, number> = {
  filtered: 0,
  absorbed: 1,
  delivered: 2,
  spooled: 3,
  dead_lettered: 4,
  dropped: 5,
  failed: 6,
};

/** The worse of two statuses. */
export function worse(a: Status, b: Status): Status {
  return RANK[a] >= RANK[b] ? a : b;
}

/** Settled exactly once; later calls are ignored, so that a part that is both dropped and answered late counts once. */
export interface Ack {
  /**
   * The source does not wait for it: past a queue's limit its events may be dropped. Another one would give what has failed
   * again to everybody: whoever can try it again alone keeps it for that instead.
   */
  readonly live: boolean;
  /**
   * `reason` names why events were dropped: `queue_full`, `sink_failed`, … Where not all had the same fate, `fates` has
   * the place in the batch of each that was not delivered, and what became of it; `status` is then the worst of all.
   */
  settle(status: Status, reason?: string, fates?: Fates): void;
}

export interface Fate {
  readonly status: Status;
  readonly reason?: string;
}

/** Fates by place in a batch. */
export interface Fates {
  get(place: number): Fate | undefined;
}

/** The places of those that failed in a batch of so many events that has failed. */
export function failedPlaces(events: number, fates?: Fates): number[] {
  const places = Array.from({ length: events }, (_, place) => place);
  return fates ? places.filter((place) => fates.get(place)?.status === 'failed') : places;
}

/** The ack of sources that deliver at most once: nobody waits for it. Shared by all their batches. */
export const liveAck: Ack = { live: true, settle() {} };

/** An ack that calls `settled` once. */
export function ackOf(settled: (status: Status, reason?: string, fates?: Fates) => void, live = false): Ack {
  let open = true;
  return {
    live,
    settle(status, reason, fates) {
      if (!open) return;
      open = false;
      settled(status, reason, fates);
    },
  };
}

/** How many events of a batch ended with each status. */
export type Counts = Record<Status, number>;

/** The reason of events that were dropped without one. */
const UNNAMED = 'unnamed';

const FILTERED: Fate = { status: 'filtered' };
const DELIVERED: Fate = { status: 'delivered' };
/** An operator has failed on it. */
export const LOST = { status: 'dropped', reason: 'operator_error' } as const satisfies Fate;
const NONE: Counts = {
  filtered: 0,
  absorbed: 0,
  delivered: 0,
  spooled: 0,
  dead_lettered: 0,
  dropped: 0,
  failed: 0,
};

/**
 * Splits the fate of a batch over the parts that its events were copied to. `parts[p]` holds, for each event that part p
 * was given, its index below `events`. The result has one ack a part. When all have settled, `ended` gets the counts (an
 * event that went several ways has the worst of their statuses) and how many were dropped for each reason (of two the
 * first), and `parent` settles with the worst of all, and with what became of each where that differs.
 */
export function splitAck(
  parent: Ack,
  events: number,
  parts: readonly (readonly number[])[],
  ended: (counts: Counts, reasons: ReadonlyMap<string, number>) => void = () => {},
): Ack[] {
  const worst = new Uint8Array(events);
  const reasonOf = new Map<number, string>();
  let waiting = parts.length;
  let all: Fate | undefined;
  const settled = (members: readonly number[], status: Status, reason?: string, fates?: Fates) => {
    const whole: Fate = reason === undefined ? { status } : { status, reason };
    all = all ? worseFate(all, whole) : whole;
    for (let place = 0; place < members.length; place++) {
      const index = members[place] as number;
      const own = fates ? (fates.get(place) ?? DELIVERED) : undefined;
      const fate = own ? own.status : status;
      if ((worst[index] as number) < RANK[fate]) worst[index] = RANK[fate];
      if (fate === 'dropped' && !reasonOf.has(index)) reasonOf.set(index, (own ? own.reason : reason) ?? UNNAMED);
    }
    if (--waiting > 0) return;
    const counts: Counts = { ...NONE };
    const reasons = new Map<string, number>();
    for (let index = 0; index < events; index++) {
      const status = STATUSES[worst[index] as number] as Status;
      counts[status]++;
      if (status !== 'dropped') continue;
      const name = reasonOf.get(index) as string;
      reasons.set(name, (reasons.get(name) ?? 0) + 1);
    }
    ended(counts, reasons);
    const same = counts[all.status] === events && reasons.size <= 1;
    parent.settle(all.status, all.reason, same ? undefined : onceAsked(() => fatesOf(worst, reasonOf)));
  };
  return parts.map((members) => ackOf((...fate) => settled(members, ...fate), parent.live));
}

function fatesOf(worst: Uint8Array, reasonOf: ReadonlyMap<number, string>): Fates {
  const fates = new Map<number, Fate>();
  for (const [index, rank] of worst.entries()) {
    const status = STATUSES[rank] as Status;
    const reason = status === 'dropped' ? reasonOf.get(index) : undefined;
    if (status !== 'delivered') fates.set(index, reason === undefined ? { status } : { status, reason });
  }
  return fates;
}

/** Of most batches nobody asks what became of which event. */
function onceAsked(make: () => Fates): Fates {
  let made: Fates | undefined;
  return {
    get(place) {
      made ??= make();
      return made.get(place);
    },
  };
}

/**
 * The ack of those events of a batch that stand at `places` in it. Settles `parent` with what became of each: of the others
 * an operator has lost those at `lost`, and nothing asked for the rest.
 */
export function partAck(parent: Ack, places: readonly number[], lost: readonly number[] = []): Ack {
  const others = lost.length > 0 ? LOST : FILTERED;
  return ackOf((status, reason, fates) => {
    const whole: Fate = reason === undefined ? { status } : { status, reason };
    const worst = places.length > 0 ? worseFate(whole, others) : others;
    const all = onceAsked(() => {
      const own = new Map<number, Fate>();
      for (const [index, place] of places.entries()) {
        const fate = fates ? (fates.get(index) ?? DELIVERED) : whole;
        own.set(place, worseFate(own.get(place) ?? fate, fate));
      }
      const isLost = new Set(lost);
      const other = (place: number) => (isLost.has(place) ? LOST : FILTERED);
      return { get: (place) => own.get(place) ?? other(place) };
    });
    parent.settle(worst.status, worst.reason, all);
  }, parent.live);
}

/** Of two alike the first. */
function worseFate(a: Fate, b: Fate): Fate {
  return worse(a.status, b.status) === a.status ? a : b;
}

const STATUSES = Object.keys(RANK) as Status[];
