/** The source `internal`: what falco-pipe has to say of itself, as events: drops, errors, gaps, health. */

import { Observable } from 'rxjs';
import { z } from 'zod';
import { liveAck } from '../core/ack.ts';
import type { Batch } from '../core/batch.ts';
import { defineSource } from '../core/component.ts';
import { internalEvent } from '../events/internal.ts';
import { recordForm } from '../events/record.ts';

export const internal = defineSource({
  type: 'internal',
  summary: 'What falco-pipe says of itself: drops, errors and gaps, each counted and named.',
  config: z.strictObject({}),
  examples: [{ title: 'Drops to a file of their own', yaml: 'self: { type: internal }' }],
  delivery: 'at_most_once',
  emits: () => ['internal'],
  open: (_config, ctx) =>
    new Observable<Batch>((subscriber) =>
      ctx.reports(({ component, type, fields }) => {
        const { reason = type, count, event_type: eventType, message } = fields;
        const report = {
          component,
          reason,
          message,
          ...(count === undefined ? {} : { count }),
          ...(eventType ? { eventType } : {}),
        };
        const events = [internalEvent(type, BigInt(ctx.now()) * 1_000_000n, report)];
        subscriber.next({ source: 'internal', form: recordForm, events, ack: liveAck });
      }),
    ),
});
