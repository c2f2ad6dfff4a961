/** What becomes of events that a sink does not get now: the sink in its place, another try, the disk, or nobody. */

import { asyncScheduler, type Subscription } from 'rxjs';
import { sleep } from '../clock.ts';
import { counted } from '../counted.ts';
import type { Event } from '../event.ts';
import { AGAIN, backoff } from '../failure/retry.ts';
import { type Ack, splitAck } from '../flow/ack.ts';
import type { Parcel } from '../flow/queue.ts';
import type { Counters } from '../metrics.ts';
import { type Keep, lettersIn } from './keep.ts';

/** The receiver will never take it: also a replayable source goes on without it. */
export const REFUSED = 'refused';
/** It was tried for as long as the sink says. */
export const FAILED = 'sink_failed';
/** There was no time left. */
export const STOPPED = 'stopped';

/** It could not be written to disk until the end. */
const UNWRITTEN = 'unwritten';

/** Why a sink does not get an event. */
export type Lost = typeof REFUSED | typeof FAILED | typeof STOPPED;

/** A parcel in parts by why the sink does not get their events: `lost`, and undefined where it has them. */
export function partsOf(parcel: Parcel, lost: ReadonlyMap<Event, Lost>): { reason: Lost | undefined; part: Parcel }[] {
  const { events, ack } = parcel;
  const places = new Map<Lost | undefined, number[]>();
  for (const [place, event] of events.entries()) {
    const reason = lost.get(event);
    const those = places.get(reason);
    if (those) those.push(place);
    else places.set(reason, [place]);
  }
  const acks = splitAck(ack, events.length, [...places.values()]);
  return [...places].map(([reason, those], index) => {
    const bytes = (parcel.bytes * those.length) / events.length;
    const own = those.map((place) => events[place] as Event);
    return { reason, part: { ...parcel, events: own, bytes, ack: acks[index] as Ack } };
  });
}

/** How many of these events of parcels live sources gave. */
export function liveIn(parcels: readonly Parcel[], events: readonly Event[]): number {
  const live = new Set(parcels.flatMap((parcel) => (parcel.ack.live ? parcel.events : [])));
  return events.filter((event) => live.has(event)).length;
}

/** That so many events in a row were refused, for people. */
export function lastRefused(count: number): string {
  return count === 1 ? 'the last event was refused' : `the last ${count} events were refused`;
}

/** Time for what is on its way to disk at the end, in ms: a full disk must not keep the program from ending. */
const KEEPING = 2000;

export interface UndeliveredOptions {
  /** Where events can wait on disk. */
  readonly keep: Keep | undefined;
  /** How many may. */
  readonly limit: number;
  /** Whether they wait there whenever the sink does not take them. */
  readonly spills: boolean;
  readonly metrics: Counters;
  /** Told of events that nobody gets, and why. */
  readonly lost: (reason: string, count: number) => void;
  /** Takes what is to be tried again. */
  readonly again: (parcel: Parcel) => void;
  /** What is in the place of the sink, and takes what that does not get any more. */
  readonly heir: () => { offer(parcel: Parcel): void } | undefined;
}

export class Undelivered {
  readonly #options: UndeliveredOptions;
  readonly #parked = new Map<Parcel, Subscription>();
  readonly #keeping = new Set<Promise<unknown>>();
  // On their way to wait on disk, the oldest first.
  readonly #spooling = new Set<Parcel>();
  #underWay = 0;
  #closed = false;

  constructor(options: UndeliveredOptions) {
    this.#options = options;
  }

  /** Events in memory: they wait for another try, or are on their way to disk. */
  get waiting(): number {
    return [...this.#parked.keys()].reduce((sum, { events }) => sum + events.length, this.#underWay);
  }

  /** Whether so many events more could wait on disk, and be there in a moment. */
  hasRoom(events: number): boolean {
    const { keep, limit } = this.#options;
    return keep?.ready === true && keep.waiting + events <= limit;
  }

  /** Finds another place for events; `message` says for people why the sink does not get them. */
  lose(parcel: Parcel, reason: Lost, message: string): void {
    const { keep, spills, heir } = this.#options;
    const { ack } = parcel;
    const next = reason === REFUSED ? undefined : heir();
    if (next) next.offer(parcel);
    else if (ack.live || reason === REFUSED) {
      // What only came too late waits on disk for the next start.
      const isLate = reason !== REFUSED && (spills || reason === STOPPED);
      if (isLate && this.#spool(parcel, reason)) return;
      this.bury(parcel, reason, message, keep && reason === STOPPED ? 'spool_full' : reason);
    } else if (reason === FAILED && !this.#closed) this.#park(parcel);
    else ack.settle('failed', reason);
  }

  /** Makes a dead letter of events. Where that cannot be they are dropped, by the reason `noRoom`: false. */
  bury(parcel: Parcel, reason: string, message: string, noRoom = reason): boolean {
    const isBuried = this.#bury(parcel, reason, message);
    if (!isBuried) this.drop(parcel, noRoom);
    return isBuried;
  }

  /** As `lose` with `stopped`; where events spill, also those that their source would give again wait on disk. */
  leave(parcel: Parcel): void {
    if (this.#options.spills && !this.#options.heir()) this.spool(parcel);
    else this.lose(parcel, STOPPED, '');
  }

  /** Has events wait on disk. Where there is no room, live ones are dropped, and others left to their source. */
  spool(parcel: Parcel): void {
    const { ack } = parcel;
    if (this.#spool(parcel)) return;
    if (ack.live) this.drop(parcel, 'spool_full');
    else ack.settle('failed', 'spool_full');
  }

  /** Takes back what is on its way to a disk that cannot be written now: the oldest, up to so many events, at least one parcel. */
  async takeBack(maxEvents: number): Promise<Parcel[]> {
    const { keep } = this.#options;
    const back: Parcel[] = [];
    let events = 0;
    for (const parcel of this.#spooling) {
      events += parcel.events.length;
      if (!keep?.failing || (back.length > 0 && events > maxEvents) || !(await keep.takeBack(parcel.events))) break;
      back.push(parcel);
    }
    return back;
  }

  /** What becomes of events that could not be written just now, for people; `sheltered`: they go to disk; `stored`: they are there. */
  saidNow(sheltered: boolean, stored: boolean, giveUpAfter: number): string {
    if (sheltered || (stored && this.#options.spills)) return 'what comes waits on disk';
    return stored ? 'they stay on disk, and are tried again' : `trying again for ${giveUpAfter / 1000} s`;
  }

  /**
   * Why events with these acks are given up and what becomes of them, for people; `stored`: they are on disk. Where there is
   * no room for them they are dropped, which is said by itself.
   */
  said(why: string, acks: readonly Ack[], stored: boolean): string {
    const { keep, spills } = this.#options;
    if (stored) return ` for now, they stay on disk and are tried again: ${why}`;
    if (acks.every(({ live }) => !live)) return ` for now, they are kept and tried again: ${why}`;
    if (!keep) return `: ${why}`;
    const which = acks.every(({ live }) => live) ? 'they are' : 'those of live sources are';
    if (spills) return ` for now, ${which} kept on disk: ${why}`;
    return `: ${why}; ${which} now among the dead letters: ${lettersIn(keep.folder)}`;
  }

  /** That so many events were refused, why, and what becomes of them, for people. */
  saidRefused(count: number, why: string): string {
    const { keep } = this.#options;
    const [were, are] = count === 1 ? ['was', 'is'] : ['were', 'are'];
    const lost = keep ? '' : ` and ${are} lost`;
    const kept = keep ? `; now among the dead letters: ${lettersIn(keep.folder)}` : '';
    return `${counted(count, 'event')} ${were} refused${lost}: ${why}${kept}`;
  }

  /** Counts events that nobody gets. */
  count(reason: string, events: number): void {
    this.#options.metrics.add('dropped', reason, events);
    this.#options.lost(reason, events);
  }

  /** Nobody gets events: they are counted. */
  drop({ events, ack }: Parcel, reason: string): void {
    this.count(reason, events.length);
    ack.settle('dropped', reason);
  }

  /** Nothing waits for another try any more: returns what did. */
  close(): readonly Parcel[] {
    this.#closed = true;
    const parked = [...this.#parked];
    this.#parked.clear();
    return parked.map(([parcel, timer]) => {
      timer.unsubscribe();
      return parcel;
    });
  }

  /** Resolves when all is on disk that is on its way there, or that takes too long. */
  async kept(): Promise<void> {
    if (this.#keeping.size > 0) await Promise.race([Promise.all(this.#keeping), sleep(KEEPING)]);
  }

  // Aside, so that it does not hold up what comes behind it.
  #park(parcel: Parcel): void {
    const again = { ...parcel, tries: (parcel.tries ?? 0) + 1 };
    const timer = asyncScheduler.schedule(
      () => {
        this.#parked.delete(again);
        this.#options.again(again);
      },
      backoff(AGAIN, again.tries),
    );
    this.#parked.set(again, timer);
  }

  // These two return false when there is no room.
  #spool(parcel: Parcel, reason?: string): boolean {
    const { keep, limit } = this.#options;
    const written = keep?.spool(parcel.events, limit);
    if (written) {
      this.#spooling.add(parcel);
      this.#once(written, parcel, 'spooled', reason);
    }
    return written !== undefined;
  }

  #bury(parcel: Parcel, reason: string, message: string): boolean {
    const written = this.#options.keep?.bury(parcel.events, reason, message);
    if (written) this.#once(written, parcel, 'dead_lettered', reason);
    return written !== undefined;
  }

  #once(
    written: Promise<boolean | undefined>,
    parcel: Parcel,
    status: 'spooled' | 'dead_lettered',
    reason?: string,
  ): void {
    const { ack, events } = parcel;
    this.#underWay += events.length;
    const keeping = written.then((isWritten) => {
      this.#underWay -= events.length;
      this.#keeping.delete(keeping);
      this.#spooling.delete(parcel);
      if (isWritten === undefined) return;
      if (isWritten) {
        this.#options.metrics.add(status, status === 'spooled' ? '' : (reason ?? ''), events.length);
        ack.settle(status, reason);
      } else if (ack.live) this.drop(parcel, UNWRITTEN);
      else ack.settle('failed', UNWRITTEN);
    });
    this.#keeping.add(keeping);
  }
}
