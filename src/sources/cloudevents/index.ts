/** The source `cloudevents`: what brokers and functions deliver as CloudEvents over HTTP. */

import { Observable } from 'rxjs';
import { z } from 'zod';
import { defineSource, type SourceContext } from '../../core/component.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { documentFills } from '../../events/cloud/event.ts';
import { type Answer, busy, HttpServer, Refusal, type Request } from '../shared/http-server.ts';
import { Intake, NoCredit } from '../shared/intake.ts';
import { checkServer, serverKeys } from '../shared/server-keys.ts';
import { type DecodedMessages, decodeMessages, NotCloudEvents } from './decode.ts';
import { batchOf, documents, eventsOf, type Routed, routeOf, targets } from './routes.ts';

const config = z.strictObject({
  ...serverKeys(9766, '/'),
  routes: z
    .record(z.string().min(1), z.enum(targets))
    .refine((routes) => Object.keys(routes).length > 0, 'name at least one route')
    .default({ 'falco.rule.output.v1': 'alert' })
    .describe(
      'The event source of each type; `*` in a type stands for anything, and the first that fits counts. Default: alerts, as the sink http and falcosidekick send them.',
    ),
  origins: z
    .array(z.string().min(1))
    .default(['*'])
    .describe('Who may begin to send: the origins that are answered when they ask (WebHook-Request-Origin); `*`: all.'),
});

type Config = z.output<typeof config>;

export const cloudevents = defineSource({
  type: 'cloudevents',
  summary: 'CloudEvents over HTTP, in all three modes: alerts of others, and audit events by their type.',
  config,
  examples: [
    { title: 'Alerts of other machines', yaml: 'inbox: { type: cloudevents }' },
    {
      title: 'Audit events that a broker forwards',
      yaml: [
        'inbox:',
        '  type: cloudevents',
        '  listen: 0.0.0.0:9766',
        '  bearer_token: { file: /run/secrets/inbox }',
        '  tls: { cert: /etc/falco-pipe/tls.crt, key: /etc/falco-pipe/tls.key }',
        '  routes: { com.example.cloudtrail: aws_cloudtrail, "com.example.k8s.*": k8s_audit }',
      ].join('\n'),
    },
  ],
  delivery: 'at_least_once',
  emits: ({ routes }) => [...new Set(Object.values(routes))],
  fills: (source, field) => !(documents as readonly string[]).includes(source) || documentFills(source, field),
  // What it has seen does not depend on how it is reached.
  positionFor: () => 'inbox',
  prepare: checkServer,
  open: (given, ctx) =>
    new Observable<Batch>((subscriber) => {
      const receiver = new Receiver(given, ctx, (batch) => subscriber.next(batch));
      const server = new HttpServer({
        config: given,
        ctx,
        methods: ['POST', 'OPTIONS'],
        failed(error) {
          forget();
          subscriber.error(error);
        },
        handle: (request, signal) => receiver.handle(request, signal),
      });
      const forget = ctx.onStop((settling) => server.finish(settling));
      return () => server.close();
    }),
});

class Receiver {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #intake: Intake<Routed>;
  readonly #route: ReturnType<typeof routeOf>;

  constructor(given: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = given;
    this.#ctx = ctx;
    this.#route = routeOf(given.routes);
    this.#intake = new Intake<Routed>(next, ctx, batchOf);
  }

  async handle(request: Request, signal: AbortSignal): Promise<Answer> {
    if (request.method === 'OPTIONS') return this.#greet(request);
    const { messages, rejected } = decoded(request);
    const received = BigInt(this.#ctx.now()) * 1_000_000n;
    const routed: Routed[] = [];
    const spoilt = rejected.map((each) => ({ ...each, reason: 'bad_cloudevent' }));
    for (const message of messages) {
      const fate = eventsOf(message, this.#route(message.type), received);
      for (const each of fate.rejected) spoilt.push(each);
      for (const each of fate.routed) routed.push(each);
    }
    try {
      await this.#intake.take(routed);
    } catch (error) {
      if (error instanceof NoCredit) throw busy('no_credit', error.message);
      throw error;
    }
    // Who was told to come again brings it again: it is told of with the answer that it is taken.
    signal.throwIfAborted();
    for (const { text, reason, problem } of spoilt) {
      this.#ctx.reject(text, { reason, message: `a CloudEvent cannot be used: ${problem}` });
    }
    const [first] = spoilt;
    if (first === undefined) return { status: 202 };
    const body = { accepted: routed.length, rejected: spoilt.length, error: first.problem };
    return { status: routed.length === 0 ? 400 : 202, body };
  }

  /** "HTTP 1.1 Web Hooks for Event Delivery" §4: who wants to send asks first. */
  #greet({ headers }: Request): Answer {
    const { origins } = this.#config;
    const origin = headers['webhook-request-origin'];
    if (typeof origin !== 'string') throw new Refusal(400, 'handshake', 'WebHook-Request-Origin is missing');
    if (!origins.includes('*') && !origins.includes(origin)) {
      throw new Refusal(403, 'handshake', `${origin.slice(0, 200)} is not among the origins that may send`);
    }
    const rate = headers['webhook-request-rate'];
    return {
      status: 200,
      headers: {
        allow: 'POST',
        'webhook-allowed-origin': origin,
        ...(typeof rate === 'string' && /^(\d+|\*)$/.test(rate) ? { 'webhook-allowed-rate': rate } : {}),
      },
    };
  }
}

function decoded({ headers, body }: Request): DecodedMessages {
  try {
    return decodeMessages(headers, body);
  } catch (error) {
    if (!(error instanceof NotCloudEvents)) throw error;
    const [status, reason] = error.unknownForm ? ([415, 'content_type'] as const) : ([400, 'bad_body'] as const);
    throw new Refusal(status, reason, error.message, { loses: true });
  }
}
