/** Events that an operator holds until more is known of them: they leave its loop, wait, and go on as a batch of their own. */

import { expand } from '../../core/component.ts';
import type { Held } from '../../core/event.ts';
import type { Batch } from '../../core/flow/batch.ts';
import type { Parcel } from '../../core/flow/queue.ts';
import { recordForm } from '../../events/record.ts';
import type { Port } from './fuse.ts';

/** Events that one operator holds at most; beyond, they go on with what is known. */
const LIMIT = 10_000;

export interface HeldOptions {
  readonly id: string;
  /** Takes each batch of events that are ready. */
  readonly next: (batch: Batch) => void;
  /** Told how many events have begun to wait. */
  readonly counted: (events: number) => void;
}

export class HeldEvents implements Port {
  readonly id: string;
  readonly #options: HeldOptions;
  // What lets each batch that waits go on.
  readonly #waiting = new Set<() => void>();
  #events = 0;
  #closed = false;

  constructor(options: HeldOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** They are records with the fields that they need. */
  fields(): readonly string[] {
    return [];
  }

  deliver(source: string, { events, ack }: Parcel): void {
    const go = () => {
      if (!this.#waiting.delete(go)) return;
      this.#events -= events.length;
      this.#options.next({ source, form: recordForm, events, ack });
    };
    this.#waiting.add(go);
    this.#events += events.length;
    if (this.#closed || this.#events > LIMIT) {
      go();
      return;
    }
    this.#options.counted(events.length);
    Promise.all((events as readonly Held[]).map(({ ready }) => ready)).then(go, go);
  }

  /** Nothing waits any more. */
  close(): void {
    this.#closed = true;
    for (const go of [...this.#waiting]) go();
  }
}

/** What is done with events that have waited. */
export const resumed = expand((event, emit) => (event as Held).resume(emit));
