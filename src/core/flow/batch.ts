/** The item of every stream here: a batch, never a single event (an RxJS stage costs 20-30 ns an item). */

import type { EventForm, EventList } from '../event.ts';
import type { Ack } from './ack.ts';

export interface Batch {
  /** The event source of all its events. */
  readonly source: string;
  /** The form of all its events. */
  readonly form: EventForm;
  readonly events: EventList;
  readonly ack: Ack;
}
