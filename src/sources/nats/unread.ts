/** What the limits of a stream have taken away before it was read: said, for nobody else would. */

import { z } from 'zod';
import type { SourceContext } from '../../core/component.ts';
import { counted } from '../../core/counted.ts';
import type { ConsumerInfo, StreamState } from '../../nats/client.ts';

/** By consumer: up to which number of the stream everything that is for it had been read. */
const Position = z.object({ read: z.record(z.string(), z.int().min(0)) });

export interface Watched {
  readonly stream: string;
  /** It reads some subjects of the stream: others' events have numbers too. */
  readonly filtered: boolean;
}

export class Unread {
  readonly #ctx: Pick<SourceContext, 'position' | 'report'>;
  readonly #watched: Watched;
  readonly #read: Map<string, number>;

  /** Goes on from the position of an earlier life. */
  constructor(ctx: Pick<SourceContext, 'position' | 'report'>, watched: Watched) {
    this.#ctx = ctx;
    this.#watched = watched;
    this.#read = new Map(Object.entries(Position.safeParse(ctx.position()).data?.read ?? {}));
  }

  /** What to keep as the position. */
  get position(): z.output<typeof Position> {
    return { read: Object.fromEntries(this.#read) };
  }

  /**
   * Looks at a consumer, of which `info` was asked after the stream's `state`. True when the position is another now.
   */
  look(consumer: string, { ack_floor: floor, num_pending: waiting }: ConsumerInfo, state: StreamState): boolean {
    const { first_seq: first, last_seq: last } = state;
    const known = this.#read.get(consumer);
    // Of a stream that was made anew the numbers are lower.
    const before = known !== undefined && known <= last ? known : undefined;
    const read = Math.max(before ?? 0, floor.stream_seq);
    // (How far it was delivered says less: the server counts what it took away as well.)
    // Where it is not known how far it had come, what is gone may have been for others.
    const isKnown = this.#watched.filtered ? before !== undefined : read > 0;
    const gone = isKnown ? Math.max(0, first - 1 - read) : 0;
    if (gone > 0) this.#say(consumer, gone, first);
    const now = waiting === 0 ? last : Math.max(read, first - 1);
    if (now === known) return false;
    this.#read.set(consumer, now);
    return true;
  }

  #say(consumer: string, gone: number, first: number): void {
    const { stream, filtered } = this.#watched;
    const whose = filtered ? ', of all its subjects,' : '';
    const numbers = gone === 1 ? `number ${first - 1}` : `numbers ${first - gone} to ${first - 1}`;
    const message = `${counted(gone, 'event')} of the stream ${stream}${whose} ${gone === 1 ? 'was' : 'were'} gone before ${consumer} had read them (${numbers}): nobody read for long, or the limits of the stream are too small`;
    this.#ctx.report('gap', { reason: 'stream_limits', count: gone, message });
  }
}
