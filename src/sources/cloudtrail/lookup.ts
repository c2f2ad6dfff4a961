/** Mode lookup_events: the API is asked for what happened since, region by region, as often as it allows. */

import type { CloudTrailClient, Event as LookedUp } from '@aws-sdk/client-cloudtrail';
import type { SourceContext } from '../../core/component.ts';
import { messageOf, SourceError } from '../../core/errors.ts';
import { backoff } from '../../core/failure/retry.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Redelivery } from '../../core/flow/redelivery.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { parseJson } from '../../events/exact-json.ts';
import { Aws, explained, isThrottled } from './aws.ts';
import type { Config } from './config.ts';
import { Recent } from './recent.ts';

/** All readers of an account share two requests a second and region: one is asked for in so many ms. */
const APART = 600;
/** Events of one page, and pages of one window; of a busier one first the older half is asked for. */
const PAGE = 50;
const PAGES = 40;
/** A window is not divided below so many ms: times have seconds. */
const LEAST = 2000;
/** The API knows so many ms. */
const KNOWN = 90 * 86_400_000;
const BATCH = 256;
const AGAIN = { initial: 1000, max: 30_000 };

/** By region: everything before was looked up, ms since the epoch. */
type Position = Readonly<Record<string, number>>;

export class Lookup {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #stop = new AbortController();
  readonly #delivery: Redelivery;
  readonly #clients: CloudTrailClient[] = [];
  /** What cannot be read, which each look finds again. */
  readonly #spoilt = new Recent();
  #sdk!: typeof import('./sdk/api.ts');
  // Whether any has answered.
  #answered = false;
  // Up to where each region was asked; what was emitted may not have settled yet.
  #asked: Position;

  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#delivery = new Redelivery(next, ctx);
    this.#asked = (ctx.position() as Position | null | undefined) ?? {};
  }

  async run(): Promise<void> {
    const off = this.#ctx.onStop(async () => this.#close());
    try {
      this.#sdk = await import('./sdk/api.ts');
      const aws = new Aws(this.#config, this.#ctx);
      const regions = this.#config.regions ?? [undefined];
      await Promise.all(regions.map(async (region) => this.#follow(await aws.cloudTrail(region))));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      off();
      this.stop();
      this.#close();
      throw error;
    }
  }

  stop(): void {
    this.#stop.abort(new Error('the source stops'));
  }

  #close(): void {
    for (const client of this.#clients.splice(0)) client.destroy();
  }

  async #follow(client: CloudTrailClient): Promise<never> {
    this.#clients.push(client);
    const region = await client.config.region().catch((error: unknown) => {
      throw explained(error, 'CloudTrail cannot be asked');
    });
    const { every, overlap, lookback } = this.#config;
    for (;;) {
      const now = this.#ctx.now();
      // A clock that was ahead must not hide what happens now.
      const stands = Math.min(this.#asked[region] ?? now - lookback, now);
      this.#ctx.metrics.counter('behind', region).value = (now - stands) / 1000;
      await this.#window(client, region, Math.max(stands - overlap, now - KNOWN), now);
      await this.#ctx.sleep(every);
    }
  }

  /** Emits what happened in a window that was not emitted before, in order. */
  async #window(client: CloudTrailClient, region: string, from: number, to: number): Promise<void> {
    const found = await this.#lookUp(client, region, from, to);
    if (found === undefined) {
      const middle = Math.floor((from + to) / 2000) * 1000;
      await this.#window(client, region, from, middle);
      await this.#window(client, region, middle, to);
      return;
    }
    const events = found.flatMap((each) => this.#decode(each, region)).sort(byTime);
    const ids = new Set(await this.#ctx.unseen([...new Set(events.flatMap(({ id }) => id ?? []))]));
    const fresh = events.filter(({ id }) => id === undefined || ids.delete(id));
    this.#ctx.metrics.add('duplicates', '', events.length - fresh.length);
    for (let at = 0; at < fresh.length; at += BATCH) {
      const some = fresh.slice(at, at + BATCH);
      await this.#ctx.credit(some.length, this.#stop.signal);
      this.#delivery.emit(
        cloudBatch('aws_cloudtrail', some),
        this.#asked,
        some.flatMap(({ id }) => id ?? []),
      );
    }
    this.#asked = { ...this.#asked, [region]: to };
    this.#delivery.mark(this.#asked);
  }

  /** All of a window, newest first; undefined when it has too much to be asked for at once. */
  async #lookUp(
    client: CloudTrailClient,
    region: string,
    from: number,
    to: number,
  ): Promise<readonly LookedUp[] | undefined> {
    const found: LookedUp[] = [];
    let token: string | undefined;
    for (let page = 1; ; page++) {
      const command = new this.#sdk.LookupEventsCommand({
        StartTime: new Date(from),
        EndTime: new Date(to),
        MaxResults: PAGE,
        ...(token === undefined ? {} : { NextToken: token }),
      });
      const answer = await this.#ask(client, region, command);
      found.push(...(answer.Events ?? []));
      token = answer.NextToken;
      if (token === undefined) return found;
      if (page === PAGES && to - from > LEAST) return undefined;
    }
  }

  async #ask(
    client: CloudTrailClient,
    region: string,
    command: InstanceType<typeof import('./sdk/api.ts').LookupEventsCommand>,
  ) {
    for (let attempt = 1; ; attempt++) {
      await this.#ctx.sleep(APART);
      try {
        const answer = await client.send(command, { abortSignal: this.#stop.signal });
        this.#answered = true;
        this.#ctx.trouble();
        return answer;
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        const known = explained(error, `CloudTrail in ${region} cannot be asked`);
        if (known instanceof SourceError) throw known;
        this.#ctx.metrics.add(isThrottled(error) ? 'throttled' : 'errors', region, 1);
        // It may be others who ask too often: that is no trouble before it lasts, once there was an answer.
        if (attempt > 3 || !this.#answered) this.#ctx.trouble(messageOf(known));
        await this.#ctx.sleep(backoff(AGAIN, attempt));
      }
    }
  }

  #decode({ CloudTrailEvent: json = '', EventId: id }: LookedUp, region: string): CloudEvent[] {
    let problem: string;
    try {
      const decoded = decodeDocument('aws_cloudtrail', parseJson(json), BigInt(this.#ctx.now()) * 1_000_000n);
      if ('event' in decoded) return [decoded.event];
      problem = decoded.problem;
    } catch (error) {
      problem = messageOf(error);
    }
    const message = `event ${id} of ${region} cannot be read: ${problem}`;
    if (this.#spoilt.isNew(`${region} ${id}`)) this.#ctx.reject(json, { reason: 'bad_record', message });
    return [];
  }
}

/** The API gives the newest first, to the second. */
function byTime(a: CloudEvent, b: CloudEvent): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return (a.id ?? '') < (b.id ?? '') ? -1 : 1;
}
