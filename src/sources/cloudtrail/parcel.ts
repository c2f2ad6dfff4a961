/** The events of one log file or message on their way: credit is taken before they go, and it is known when all have settled. */

import type { SourceContext } from '../../core/component.ts';
import { ackOf, failedPlaces } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Redelivery } from '../../core/flow/redelivery.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';

/** Events in one batch, at most. */
const BATCH = 256;

type Ctx = Pick<SourceContext, 'credit' | 'release' | 'sleep'>;

export interface ParcelOptions {
  readonly next: (batch: Batch) => void;
  readonly ctx: Ctx;
  /** Aborted when nothing more is to go. */
  readonly signal: AbortSignal;
}

export abstract class Parcel {
  readonly #options: ParcelOptions;

  constructor(options: ParcelOptions) {
    this.#options = options;
  }

  /**
   * Gives events on as there is credit. Rejects when the source stops. `done` is called once they have settled and were
   * delivered.
   */
  async give(events: readonly CloudEvent[], done: () => void = () => {}): Promise<void> {
    const { ctx, signal } = this.#options;
    let open = Math.max(1, Math.ceil(events.length / BATCH));
    const settled = () => {
      if (--open === 0) done();
    };
    if (events.length === 0) settled();
    for (let at = 0; at < events.length; at += BATCH) {
      const some = events.slice(at, at + BATCH);
      await ctx.credit(some.length, signal);
      this.emit(some, settled);
    }
  }

  /** Resolves when all that was given has settled: whether all of it was delivered. */
  abstract settled(): Promise<boolean>;
  protected abstract emit(events: readonly CloudEvent[], done: () => void): void;
}

/** What could not be delivered is emitted again from memory, until it is. */
export class KeptParcel extends Parcel {
  readonly #delivery: Redelivery;

  constructor(options: ParcelOptions) {
    super(options);
    this.#delivery = new Redelivery(options.next, { sleep: options.ctx.sleep, advance: () => {} });
  }

  protected emit(events: readonly CloudEvent[], done: () => void): void {
    this.#delivery.emit(cloudBatch('aws_cloudtrail', events), null, [], done);
  }

  async settled(): Promise<boolean> {
    await this.#delivery.settled();
    return true;
  }
}

/** What could not be delivered is let go of: whoever has it will give it again. */
export class LentParcel extends Parcel {
  readonly #lent: ParcelOptions;
  readonly #failed: (events: readonly CloudEvent[]) => void;
  #open = 0;
  #delivered = true;
  #idle = Promise.withResolvers<void>();

  /** @param failed told of events that were not delivered */
  constructor(options: ParcelOptions, failed: (events: readonly CloudEvent[]) => void) {
    super(options);
    this.#lent = options;
    this.#failed = failed;
    this.#idle.resolve();
  }

  protected emit(events: readonly CloudEvent[], done: () => void): void {
    const { next, ctx } = this.#lent;
    if (this.#open++ === 0) this.#idle = Promise.withResolvers<void>();
    const ack = ackOf((status, _reason, fates) => {
      if (status === 'failed') {
        const failed = failedPlaces(events.length, fates).map((place) => events[place] as CloudEvent);
        this.#delivered = false;
        ctx.release(failed.length);
        this.#failed(failed);
      } else done();
      if (--this.#open === 0) this.#idle.resolve();
    });
    next({ ...cloudBatch('aws_cloudtrail', events), ack });
  }

  async settled(): Promise<boolean> {
    await this.#idle.promise;
    return this.#delivered;
  }
}
