/** Events that an operator has failed on: dead letters with what it threw, and given to it again when they are put back. */

import { sleep } from '../../core/clock.ts';
import { counted } from '../../core/counted.ts';
import type { Keep } from '../../core/delivery/keep.ts';
import { KeepReader } from '../../core/delivery/keep-reader.ts';
import { Undelivered } from '../../core/delivery/undelivered.ts';
import { messageOf } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { AGAIN, backoff } from '../../core/failure/retry.ts';
import { type Ack, ackOf, LOST, type Status, splitAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import type { Parcel } from '../../core/flow/queue.ts';
import type { Logger } from '../../core/log.ts';
import type { Counters } from '../../core/metrics.ts';
import { recordForm } from '../../events/record.ts';
import { redactMessage } from '../../events/redact.ts';
import type { LostPort } from './fuse.ts';

/** Events that it is given again at once; more come when these have settled. */
const BATCH = 1000;
/** Letters of one batch: what an operator throws may be another text for each event, and a letter costs as much as a batch. */
const LETTERS = 4;

export interface FailedEventsOptions {
  /** The operator's. */
  readonly id: string;
  readonly keep: Keep;
  readonly log: Logger;
  readonly metrics: Counters;
  /** Gives a batch to the operator. */
  readonly again: (batch: Batch) => void;
  /** Told of events that it has failed on in the same way, of which `event` is one, and whether they are dead letters now. */
  readonly said: (event: Event, error: unknown, count: number, isKept: boolean) => void;
}

export class FailedEvents implements LostPort {
  readonly id: string;
  readonly #options: FailedEventsOptions;
  readonly #undelivered: Undelivered;
  readonly #reader: KeepReader;
  readonly #errors = new WeakMap<Event, unknown>();
  readonly #ending = new AbortController();
  // Events that it was given again and that have not settled; whether no more can be given now.
  #given = 0;
  #stalled = false;
  #wake = () => {};
  readonly #woken = () => this.#wake();

  constructor(options: FailedEventsOptions) {
    const { id, keep, log, metrics } = options;
    this.id = id;
    this.#options = options;
    this.#reader = new KeepReader({ keep, retry: AGAIN, log, metrics, again: this.#woken });
    const nobody = { limit: 0, spills: false, lost: () => {}, again: () => {}, heir: () => undefined };
    this.#undelivered = new Undelivered({ keep, metrics, ...nobody });
  }

  /** They are records already. */
  fields(): readonly string[] {
    return [];
  }

  add(event: Event, error: unknown): void {
    this.#errors.set(event, error);
  }

  // Those with the same error are one letter, up to the last one, which has all others too.
  deliver(_source: string, { events, ack }: Parcel): void {
    const alike = new Map<string, number[]>();
    let last: number[] = [];
    let others = 0;
    for (const [place, event] of events.entries()) {
      const message = messageOf(this.#errors.get(event));
      const places = alike.get(message);
      if (places) places.push(place);
      else if (alike.size < LETTERS) alike.set(message, (last = [place]));
      else {
        last.push(place);
        others++;
      }
    }
    const letters = [...alike];
    const acks = splitAck(
      ack,
      events.length,
      letters.map(([, places]) => places),
    );
    for (const [index, [message, places]] of letters.entries()) {
      const those = places.map((place) => events[place] as Event);
      const isMixed = places === last && others > 0;
      const why = isMixed ? `${message} (the errors of ${others} others here differ)` : message;
      this.#options.said(those[0] as Event, why, those.length, this.lose(those, why, acks[index] as Ack));
    }
  }

  /**
   * Keeps events as a dead letter; their ack settles when they are on disk. Where there is no room, or what is in one cannot
   * be written down, they are dropped: false.
   */
  lose(events: readonly Event[], error: unknown, ack: Ack): boolean {
    const parcel = { events, bytes: 0, ack };
    try {
      return this.#undelivered.bury(parcel, LOST.reason, redactMessage(messageOf(error)));
    } catch {
      this.#undelivered.drop(parcel, LOST.reason);
      return false;
    }
  }

  /** The operator is part of the graph: it is given what was put back. */
  begin(): void {
    this.#options.keep.woken.add(this.#woken);
    void this.#run();
  }

  /** Whether something was put back that it is about to be given. */
  get hasMore(): boolean {
    return this.#options.keep.waiting > this.#given && !this.#stalled;
  }

  /** It is given nothing any more. */
  end(): void {
    this.#ending.abort();
    this.#options.keep.woken.delete(this.#woken);
    this.#reader.close();
    this.#wake();
  }

  /** Says, at the end of the run, what was put back and does not go on in it. */
  sayWhatStays(): void {
    const { id, keep, log } = this.#options;
    const { onDisk } = keep;
    if (onDisk === 0) return;
    log.warn(
      `${counted(onDisk, 'event')} that were put back for ${id} stay on disk: it is given them at the next start`,
    );
  }

  /** Resolves when all is on disk that is on its way there, or that takes too long. */
  kept(): Promise<void> {
    return this.#undelivered.kept();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    for (let failures = 0; !signal.aborted; ) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const parcels = this.#options.keep.waiting > 0 ? await this.#reader.next(BATCH) : undefined;
      if (!parcels) {
        this.#stalled = this.#options.keep.waiting > 0;
        await woken;
        this.#stalled = false;
        continue;
      }
      const settled = await Promise.all(parcels.map((parcel) => this.#give(parcel)));
      failures = settled.includes('failed') ? failures + 1 : 0;
      this.#stalled = failures > 0;
      // It is given again, later each time.
      if (failures > 0) await sleep(backoff(AGAIN, failures), signal).catch(() => {});
    }
  }

  // A letter has the events of one batch, so of one event source.
  #give({ events, ack }: Parcel): Promise<Status> {
    this.#given += events.length;
    return new Promise((resolve) => {
      const own = ackOf((...fate) => {
        ack.settle(...fate);
        this.#given -= events.length;
        resolve(fate[0]);
      });
      if (this.#ending.signal.aborted) own.settle('failed');
      else this.#options.again({ source: (events[0] as Event).source, form: recordForm, events, ack: own });
    });
  }
}
