/** Messages that were read and are not yet settled: by event, so that a second copy joins the first. */

import type { Fates, Status } from '../../core/ack.ts';
import type { SourceContext } from '../../core/component.ts';
import type { Credit } from '../../core/credit.ts';
import { backoff } from '../../core/retry.ts';
import type { EventRecord } from '../../events/record.ts';
import type { JsMsg } from '../../nats/client.ts';

/** The waits, in ms, before the server gives again what could not be delivered. */
const AGAIN = { initial: 1000, max: 60_000 };

/** A message, and the room that it takes up. */
export interface Taken {
  readonly message: JsMsg;
  readonly room: Credit;
}

/** An event that is under way, with every message that has brought it. */
export interface Item {
  readonly id: string;
  readonly record: EventRecord;
  readonly copies: Taken[];
  /** When it was read, or the server was last told that it is being worked on: ms since the epoch. */
  since: number;
  emitted: boolean;
}

export class UnderWay {
  readonly #ctx: Pick<SourceContext, 'advance' | 'committed' | 'release' | 'metrics' | 'now'>;
  readonly #settledOne: () => void;
  readonly #open = new Map<string, Item>();

  /** @param settled called after something has been settled */
  constructor(ctx: Pick<SourceContext, 'advance' | 'committed' | 'release' | 'metrics' | 'now'>, settled: () => void) {
    this.#ctx = ctx;
    this.#settledOne = settled;
  }

  /** Events under way. */
  get size(): number {
    return this.#open.size;
  }

  /** The item of an event that was not under way yet; undefined where the message joins one that is. */
  add(id: string, record: EventRecord, taken: Taken): Item | undefined {
    const known = this.#open.get(id);
    if (known) {
      known.copies.push(taken);
      this.#ctx.metrics.add('deduplicated', '', 1);
      return undefined;
    }
    const item = { id, record, copies: [taken], since: this.#ctx.now(), emitted: false };
    this.#open.set(id, item);
    return item;
  }

  /** Items that were settled in an earlier life. */
  seenBefore(items: readonly Item[]): void {
    this.#ctx.metrics.add('deduplicated', '', items.length);
    for (const item of items) this.#end(item, (message) => message.ack());
  }

  /** What became of a batch of items; the server is told once it is on disk here. */
  settle(items: readonly Item[], status: Status, fates: Fates | undefined): void {
    const isFailed = (place: number) => (fates ? fates.get(place)?.status === 'failed' : status === 'failed');
    const failed = items.filter((_, place) => isFailed(place));
    const done = items.filter((_, place) => !isFailed(place));
    if (status === 'failed') this.#ctx.release(items.length);
    for (const item of failed) this.giveBack(item);
    if (done.length === 0) return;
    // At once: in the transaction that has what operators made of it.
    const sequence = Math.max(...done.map(({ copies }) => copies[0]?.message.seq ?? 0));
    this.#ctx.advance(
      { sequence },
      done.map(({ id }) => id),
    );
    void this.#ctx.committed().then(() => {
      for (const item of done) this.#end(item, (message) => message.ack());
    });
  }

  /** The server gives it again: after a wait that grows, or at once. */
  giveBack(item: Item, now = false): void {
    this.#end(item, (message) => message.nak(now ? 0 : backoff(AGAIN, message.info.deliveryCount)));
  }

  /** Gives back what was never emitted. */
  giveBackUnread(): void {
    for (const item of this.#open.values()) if (!item.emitted) this.giveBack(item, true);
  }

  /** Tells the server of what has been under way for `ms` that it still is. */
  alive(ms: number): void {
    const now = this.#ctx.now();
    for (const item of this.#open.values()) {
      if (now - item.since < ms) continue;
      item.since = now;
      for (const { message } of item.copies) tell(() => message.working());
    }
  }

  #end(item: Item, say: (message: JsMsg) => void): void {
    this.#open.delete(item.id);
    for (const { message, room } of item.copies) {
      tell(() => say(message));
      room.release(1);
    }
    this.#settledOne();
  }
}

/** Says something to the server, which gives the message again where it does not hear it. */
export function tell(say: () => void): void {
  try {
    say();
  } catch {
    // The connection is gone.
  }
}
