/** Messages that were read and are not yet settled: by event, so that a second copy joins the first. */

import { sleep } from '../../core/clock.ts';
import type { SourceContext } from '../../core/component.ts';
import { backoff } from '../../core/failure/retry.ts';
import type { Fates, Status } from '../../core/flow/ack.ts';
import type { Credit } from '../../core/flow/credit.ts';
import type { EventRecord } from '../../events/record.ts';
import type { JsMsg } from '../../nats/client.ts';

/** The waits, in ms, before the server gives again what could not be delivered. */
const AGAIN = { initial: 1000, max: 60_000 };

/** At the end, ms for what has settled to come to disk. */
const COMMIT = 2000;

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
  readonly #position: () => unknown;
  readonly #open = new Map<string, Item>();
  // Settled, and on their way to disk.
  readonly #committing = new Set<Promise<void>>();
  #empty = () => {};
  #stopping = false;

  /** @param position what to note as the position of the source */
  constructor(
    ctx: Pick<SourceContext, 'advance' | 'committed' | 'release' | 'metrics' | 'now'>,
    position: () => unknown,
  ) {
    this.#ctx = ctx;
    this.#position = position;
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
    this.#ctx.release(failed.length);
    for (const item of failed) this.#giveBack(item);
    if (done.length === 0) return;
    // At once: in the transaction that has what operators made of it.
    this.#ctx.advance(
      this.#position(),
      done.map(({ id }) => id),
    );
    this.#onceOnDisk(() => {
      for (const item of done) this.#end(item, (message) => message.ack());
    });
  }

  /** A message that was rejected is not given again; the server is told `why` once its dead letter is on disk. */
  refuse({ message, room }: Taken, why: string): void {
    this.#onceOnDisk(() => {
      tell(() => message.term(why));
      room.release(1);
    });
  }

  /** From now on what fails, and at once what was never emitted, is given back without a wait: others shall have it. */
  stop(): void {
    this.#stopping = true;
    for (const item of this.#open.values()) if (!item.emitted) this.#giveBack(item);
  }

  /** Resolves when nothing is under way, or `settling` is aborted: then what has not settled is given back. */
  async done(settling: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#empty = resolve;
      if (this.#open.size === 0 || settling.aborted) resolve();
      settling.addEventListener('abort', () => resolve(), { once: true });
    });
    // A full disk must not keep the program from ending.
    const late = new AbortController();
    await Promise.race([Promise.all(this.#committing), sleep(COMMIT, late.signal)]);
    late.abort();
    for (const item of this.#open.values()) this.#giveBack(item);
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

  #onceOnDisk(say: () => void): void {
    const committing = this.#ctx.committed().then(() => {
      this.#committing.delete(committing);
      say();
    });
    this.#committing.add(committing);
  }

  // The server gives it again.
  #giveBack(item: Item): void {
    this.#end(item, (message) => message.nak(this.#stopping ? 0 : backoff(AGAIN, message.info.deliveryCount)));
  }

  #end(item: Item, say: (message: JsMsg) => void): void {
    this.#open.delete(item.id);
    for (const { message, room } of item.copies) {
      tell(() => say(message));
      room.release(1);
    }
    if (this.#open.size === 0) this.#empty();
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
