/** Reads the trail over and over, when its time has come or the event bus rings. */

import { hash } from 'node:crypto';
import { z } from 'zod';
import type { SourceContext } from '../../core/component.ts';
import { messageOf, UserError } from '../../core/errors.ts';
import { backoff } from '../../core/failure/retry.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Redelivery } from '../../core/flow/redelivery.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import { evidence, isObject } from '../../events/cloud/document.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { Once } from '../shared/once.ts';
import { Bus } from './bus.ts';
import type { Config } from './config.ts';
import { Heard } from './heard.ts';
import { Http, Unavailable } from './http.ts';
import { Session } from './session.ts';
import { type Page, pagesFrom, timeOf } from './trail.ts';

/** Waits before the trail is asked again after an error, in ms. */
const AGAIN = { initial: 1000, max: 60_000 };
/** ms between two readings, however often the bus rings. */
const BETWEEN = 1000;
/** Items that cannot be read are remembered, so that each is counted once; so many. */
const SPOILT = 10_000;

/** How items of the trail come. */
const REST = { 'vcd.transport': 'rest' };

/** ms since the epoch up to which the trail was read. */
const Position = z.object({ until: z.number() });

export class Reader {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #delivery: Redelivery;
  readonly #once: Once<CloudEvent>;
  readonly #heard: Heard;
  readonly #stop = new AbortController();
  readonly #spoilt = new Set<string>();
  #session: Session | undefined;
  #until: number;
  #ring: () => void = () => {};
  #rung = false;

  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    const once = new Once<CloudEvent>(ctx);
    this.#once = once;
    this.#heard = new Heard(ctx);
    this.#delivery = new Redelivery(next, {
      sleep: (ms) => ctx.sleep(ms),
      advance(position, seen = []) {
        ctx.advance(position, seen);
        once.settled(seen);
      },
    });
    const position = Position.safeParse(ctx.position()).data;
    this.#until = position?.until ?? ctx.now() - config.lookback;
    if (!position) this.#delivery.mark({ until: this.#until });
  }

  /** Returns when it was stopped; rejects with a SourceError when we are refused, with a UserError when a secret is missing. */
  async run(): Promise<void> {
    this.#ctx.trouble('not connected yet');
    const http = await Http.open(this.#config, this.#ctx);
    const session = new Session(this.#config, this.#ctx, http);
    this.#session = session;
    const close = async () => {
      await session.close().catch(() => {});
      await http.close();
    };
    const withdraw = this.#ctx.onStop(close);
    try {
      await Promise.race([this.#read(session), this.#listen(session)]);
    } catch (error) {
      if (this.#stopped) return;
      this.#stop.abort();
      withdraw();
      await close();
      throw error;
    } finally {
      this.#stop.abort();
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#ring();
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted || this.#ctx.signal.aborted;
  }

  async #read(session: Session): Promise<void> {
    for (let attempt = 0; !this.#stopped; ) {
      const began = this.#ctx.now();
      let wait = this.#config.poll;
      try {
        this.#rung = false;
        await this.#poll(session);
        attempt = 0;
        this.#ctx.trouble();
        await this.#overdue(began);
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof UserError) throw error;
        this.#ctx.trouble(messageOf(error));
        this.#ctx.log.warn(`the trail cannot be read now: ${messageOf(error)}`);
        const asked = error instanceof Unavailable ? error.wait : 0;
        await this.#ctx.sleep(Math.max(backoff(AGAIN, ++attempt), asked)).catch(() => {});
        continue;
      }
      await this.#ctx.sleep(Math.min(BETWEEN, wait)).catch(() => {});
      wait -= Math.min(BETWEEN, wait);
      if (this.#heard.waiting) wait = Math.min(wait, BETWEEN);
      await this.#pause(wait);
    }
  }

  // Until it is time, or the bus rings.
  async #pause(ms: number): Promise<void> {
    if (this.#rung || this.#stopped) return;
    const ring = new Promise<void>((resolve) => {
      this.#ring = resolve;
    });
    await Promise.race([ring, this.#ctx.sleep(ms).catch(() => {})]);
  }

  async #listen(session: Session): Promise<void> {
    if (!this.#config.event_bus) return new Promise(() => {});
    const ring = () => {
      this.#rung = true;
      this.#ring();
    };
    const listener = {
      connected: () => {
        this.#ctx.log.info('the event bus is heard');
        ring();
      },
      message: (topic: string, payload: string) => {
        if (this.#heard.add(topic, payload)) ring();
      },
    };
    await new Bus(this.#config, this.#ctx, session, listener, this.#stop.signal).run();
  }

  async #poll(session: Session): Promise<void> {
    const since = this.#until - this.#config.overlap;
    for await (const page of pagesFrom(session, since, this.#stop.signal)) {
      await this.#take(page);
      if (this.#stopped) return;
    }
  }

  async #take({ items, now, skipped }: Page): Promise<void> {
    if (skipped !== undefined && this.#isNew(skipped)) {
      const message = `an item of the audit trail is too large to be read: ${skipped}`;
      this.#ctx.report('drop', { reason: 'item_too_large', count: 1, message });
    }
    const events: CloudEvent[] = [];
    const received = BigInt(this.#ctx.now()) * 1_000_000n;
    for (const item of items) {
      const decoded = decodeDocument('vcd_audit', item, received, REST);
      if ('problem' in decoded) {
        const text = evidence(item);
        const message = `an item of the audit trail is no event: ${decoded.problem}`;
        if (this.#isNew(text)) this.#ctx.reject(text, { reason: 'bad_event', message });
        continue;
      }
      this.#heard.inTrail(decoded.event.id);
      if (this.#isOwn(item)) this.#ctx.metrics.add('own_events', '', 1);
      else events.push(decoded.event);
    }
    // A cell whose clock is ahead must not make us pass over what the others have yet to write.
    const last = Math.max(this.#until, ...items.map((item) => timeOf(item) ?? 0));
    this.#until = Math.max(this.#until, Math.min(last, now ?? this.#ctx.now()));
    await this.#emit(events);
  }

  // What the bus has told of, and the trail does not have after a while, is given as the bus has it.
  async #overdue(now: number): Promise<void> {
    await this.#emit(this.#heard.overdue(now));
  }

  async #emit(events: readonly CloudEvent[]): Promise<void> {
    const { fresh, ids } = await this.#once.admit(events);
    const position = { until: this.#until };
    if (fresh.length === 0) {
      this.#delivery.mark(position);
      return;
    }
    await this.#ctx.credit(fresh.length);
    if (!this.#stopped) this.#delivery.emit(cloudBatch('vcd_audit', fresh), position, ids);
  }

  #isOwn(item: unknown): boolean {
    const more = isObject(item) ? item.additionalProperties : undefined;
    const id = isObject(more) ? more['user.session.id'] : undefined;
    return typeof id === 'string' && (this.#session?.own.has(id) ?? false);
  }

  #isNew(text: string): boolean {
    const key = hash('sha256', text, 'base64');
    if (this.#spoilt.has(key)) return false;
    const [oldest] = this.#spoilt;
    if (this.#spoilt.size >= SPOILT && oldest !== undefined) this.#spoilt.delete(oldest);
    this.#spoilt.add(key);
    return true;
  }
}
