/** The audit webhook: kube-apiserver posts batches of events, and keeps them until we have said 200. */

import { Observable } from 'rxjs';
import type { SourceContext } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { parseJson } from '../../events/exact-json.ts';
import { originOf } from '../shared/cluster-key.ts';
import { busy, HttpServer, Refusal, type Request } from '../shared/http-server.ts';
import { Intake, NoCredit } from '../shared/intake.ts';
import type { ServerConfig } from '../shared/server-keys.ts';
import { auditEvents } from './documents.ts';

export type WebhookConfig = ServerConfig & { readonly cluster?: string | undefined };

/** Listens until unsubscribed. A request is answered with 200 when each of its events has settled or is spooled. */
export function webhook(config: WebhookConfig, ctx: SourceContext): Observable<Batch> {
  const origin = originOf(config.cluster);
  return new Observable<Batch>((subscriber) => {
    const intake = new Intake<CloudEvent>((batch) => subscriber.next(batch), ctx, cloudBatch);
    const server = new HttpServer({
      config,
      ctx,
      methods: ['POST'],
      failed(error) {
        forget();
        subscriber.error(error);
      },
      async handle(request, signal) {
        const { events, rejected } = auditEvents(jsonOf(request), BigInt(ctx.now()) * 1_000_000n, origin);
        try {
          await intake.take(events);
        } catch (error) {
          if (error instanceof NoCredit) throw busy('no_credit', error.message);
          throw error;
        }
        // Who was told to come again brings it again: it is told of with the answer that it is taken.
        signal.throwIfAborted();
        for (const { text, problem } of rejected) {
          ctx.reject(text, { reason: 'bad_event', message: `an item of a request is no audit event: ${problem}` });
        }
        const [first] = rejected;
        if (!first) return { status: 200 };
        return { status: 200, body: { accepted: events.length, rejected: rejected.length, problem: first.problem } };
      },
    });
    const forget = ctx.onStop((settling) => server.finish(settling));
    return () => server.close();
  });
}

function jsonOf({ headers, body }: Request): unknown {
  const type = headers['content-type'] ?? '';
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new Refusal(415, 'content_type', `the Content-Type has to be application/json, not "${type.slice(0, 80)}"`, {
      loses: true,
    });
  }
  try {
    return parseJson(body.toString('utf8'));
  } catch (error) {
    throw new Refusal(400, 'bad_body', `the body is not JSON: ${messageOf(error)}`, { loses: true });
  }
}
