/** The source `internal`: what falco-pipe has to say of itself, as events: drops, errors, gaps, health. */

import { Observable } from 'rxjs';
import { z } from 'zod';
import { defineSource, type SourceContext } from '../core/component.ts';
import { wait } from '../core/config.ts';
import { liveAck } from '../core/flow/ack.ts';
import type { Batch } from '../core/flow/batch.ts';
import type { Books, Report } from '../core/report.ts';
import { internalEvent } from '../events/internal.ts';
import { isSeenHere, originHere } from '../events/origin.ts';
import { type EventRecord, recordForm } from '../events/record.ts';

export const internal = defineSource({
  type: 'internal',
  summary:
    'What falco-pipe says of itself: drops, errors and gaps, each counted and named, what fails and works again, and that it is alive.',
  config: z.strictObject({
    heartbeat: wait()
      .prefault('30s')
      .describe('How often it says that it is alive, with the books so far; at the end once more.'),
  }),
  examples: [{ title: 'Drops to a file of their own', yaml: 'self: { type: internal }' }],
  delivery: 'at_most_once',
  emits: () => ['internal'],
  fills: (_source, field) => isSeenHere(field),
  open: ({ heartbeat }, ctx) =>
    new Observable<Batch>((subscriber) => {
      const emit = (event: EventRecord) => {
        const events = [event.with({ ...event.fields, ...originHere(ctx.demand.get('internal')) })];
        subscriber.next({ source: 'internal', form: recordForm, events, ack: liveAck });
      };
      const unlisten = ctx.reports((report) => emit(eventOf(report, timeOf(ctx))));
      const beat = () => emit(heartbeatOf(ctx.id, ctx.books(), timeOf(ctx)));
      const timer = setInterval(beat, heartbeat);
      // The books as they were at the end.
      ctx.signal.addEventListener('abort', beat, { once: true });
      return () => {
        ctx.signal.removeEventListener('abort', beat);
        clearInterval(timer);
        unlisten();
      };
    }),
});

const timeOf = (ctx: Pick<SourceContext, 'now'>) => BigInt(ctx.now()) * 1_000_000n;

function eventOf({ component, type, fields }: Report, time: bigint): EventRecord {
  const { reason = type, count, event_type: eventType, from, to, message } = fields;
  return internalEvent(type, time, {
    component,
    reason,
    message,
    from,
    to,
    ...(count === undefined ? {} : { count }),
    ...(eventType ? { eventType } : {}),
  });
}

function heartbeatOf(component: string, books: Books, time: bigint): EventRecord {
  const { seen, delivered, filtered, dropped, pipeline } = books;
  const message = `alive: seen ${seen}, delivered ${delivered}, filtered ${filtered}, dropped ${dropped}, pipeline ${pipeline}`;
  return internalEvent('heartbeat', time, { component, reason: 'alive', message, books });
}
