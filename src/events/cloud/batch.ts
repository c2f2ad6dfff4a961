/** Batches of cloud events. */

import type { Event, EventList } from '../../core/event.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { CloudEvent, type CloudForm, cloudForm } from './event.ts';

/** Events of one source in order. They may be kept as they are; what leaves the fused loop is a record all the same. */
class CloudList implements EventList {
  readonly length: number;
  readonly #events: readonly CloudEvent[];
  readonly #form: CloudForm;

  constructor(events: readonly CloudEvent[], form: CloudForm) {
    this.#events = events;
    this.#form = form;
    this.length = events.length;
  }

  at(index: number): Event | undefined {
    return this.#events[index];
  }

  keep(event: Event, fields: readonly string[]): Event {
    return event instanceof CloudEvent ? this.#form.keep(event, fields) : event;
  }
}

/** A batch of events of one event source, still without its ack. */
export function cloudBatch(source: string, events: readonly CloudEvent[]): Omit<Batch, 'ack'> {
  const form = cloudForm(source);
  return { source, form, events: new CloudList(events, form) };
}
