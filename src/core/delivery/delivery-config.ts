/** How events are delivered to a sink, as pipelines say it: the same keys for every sink. */

import { z } from 'zod';
import { duration, size, wait } from '../config.ts';

/** The keys that every sink has beside its own. */
export const deliveryKeys = {
  queue: z
    .strictObject({
      events: z
        .int()
        .min(1)
        .default(10_000)
        .describe('Events that may wait; one batch may pass the bound, when nothing else waits.'),
      size: size().prefault('64MiB').describe('Memory that waiting events may hold.'),
      when_full: z
        .enum(['drop_oldest', 'drop_newest', 'spill'])
        .default('drop_oldest')
        .describe(
          'What gives way when a live source goes on and the queue is full; replayable sources wait instead. spill: events wait on disk, in the state folder, also over a restart: what finds no room, and once a write has failed all that comes.',
        ),
      spill_events: z.int().min(1).default(10_000_000).describe('Events that may wait on disk.'),
    })
    .prefault({})
    .describe('Events that wait for this sink.'),
  batch: z.int().min(1).max(100_000).default(500).describe('Events in one write, at most.'),
  timeout: wait()
    .prefault('30s')
    .describe('Time for one write; one of which nothing was taken by then counts as failed.'),
  retry: z
    .strictObject({
      initial: duration().prefault('1s').describe('Upper bound of the first wait.'),
      max: duration().prefault('30s').describe('Upper bound of every wait.'),
      give_up_after: duration().prefault('5m').describe('Time after which a write is given up, with a last try then.'),
    })
    .prefault({})
    .describe('What happens after a failed write: waits grow, each chosen at random below a bound.'),
};

export type DeliveryConfig = z.output<z.ZodObject<typeof deliveryKeys>>;
