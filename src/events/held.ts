/** Events that are held until what is still looked up about them has come. */

import type { Event, Held } from '../core/event.ts';
import type { Awaited, FieldRef } from './field.ts';

/** An event with some of its fields, that is judged when the rest has come. */
export class HeldEvent implements Held {
  readonly source: string;
  readonly type: string;
  readonly time: bigint;
  readonly ready: Promise<void>;
  readonly #make: () => Event;
  readonly #judge: (event: Event, emit: (event: Event) => void) => void;

  /** `judge` gets a record with `fields`, as they are known then. */
  constructor(
    event: Event,
    awaited: Awaited,
    fields: readonly FieldRef[],
    judge: (event: Event, emit: (event: Event) => void) => void,
  ) {
    this.source = event.source;
    this.type = event.type;
    this.time = event.time;
    this.ready = awaited.ready;
    this.#make = awaited.keep(fields);
    this.#judge = judge;
  }

  get(field: string) {
    return this.#make().get(field);
  }

  resume(emit: (event: Event) => void): void {
    this.#judge(this.#make(), emit);
  }
}
