/** The source `azure_event_hubs` at work without a pipeline: with real credit, and acks that the test settles. */

import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { ackOf, type Status } from '../../src/core/ack.ts';
import type { Batch } from '../../src/core/batch.ts';
import { Credit } from '../../src/core/credit.ts';
import type { Event } from '../../src/core/event.ts';
import { azureEventHubs } from '../../src/sources/azure-event-hubs/index.ts';
import { recordedLog } from '../core/shared.ts';
import { contextFor, type TestContext } from '../sources/ebpf/support.ts';
import type { EventHub } from './event-hubs.ts';

export interface OpenedOptions {
  readonly config?: object;
  readonly position?: unknown;
  /** What becomes of a batch; undefined: nothing yet. Default: delivered. */
  readonly settle?: (batch: Batch) => Status | undefined;
  readonly credit?: number;
}

/** Names of environment variables that hold connection strings. */
let secrets = 0;

export function secretOf(text: string): { env: string } {
  const env = `TEST_AZURE_${++secrets}`;
  process.env[env] = text;
  return { env };
}

/** A record whose correlation id is `id`. */
export const activity = (id: string | number, more: object = {}) => ({
  time: '2026-11-26T10:00:00.0000000Z',
  category: 'Administrative',
  operationName: 'MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE',
  resultType: 'Success',
  correlationId: String(id),
  ...more,
});

export class Opened {
  readonly ctx: TestContext;
  readonly events: Event[] = [];
  readonly batches: Batch[] = [];
  readonly lines: string[];
  readonly positions: Record<string, { offset: string; sequence: number }>[] = [];
  error: unknown;
  trouble: string | undefined;
  readonly #closing = new Set<(settling: AbortSignal) => Promise<void>>();
  readonly #subscription: { unsubscribe(): void };
  #closed = false;

  constructor(hub: EventHub, options: OpenedOptions = {}) {
    const { config = {}, settle = () => 'delivered', position } = options;
    const credit = new Credit(options.credit ?? 10_000);
    const { log, lines } = recordedLog();
    this.lines = lines;
    const base = contextFor({ fields: new Set(), types: 'all' });
    this.ctx = {
      ...base,
      id: 'azure',
      log,
      credit: (count) => credit.take(count, base.signal),
      position: () => position,
      advance: (place) => void this.positions.push(place as never),
      sleep: (ms) => sleep(Math.min(ms, 20), undefined, { signal: base.signal }),
      trouble: (problem) => {
        this.trouble = problem;
      },
      onStop: (close) => {
        this.#closing.add(close);
        return () => this.#closing.delete(close);
      },
    };
    const given = { connection: secretOf(hub.connectionString), wait: '100ms', ...config };
    this.#subscription = azureEventHubs.open(azureEventHubs.config.parse(given), this.ctx).subscribe({
      next: (batch) => {
        this.batches.push(batch);
        for (let index = 0; index < batch.events.length; index++) this.events.push(batch.events.at(index) as Event);
        const ack = ackOf((status, reason) => {
          if (status !== 'failed') credit.release(batch.events.length);
          batch.ack.settle(status, reason);
        });
        const status = settle({ ...batch, ack });
        if (status) ack.settle(status);
      },
      error: (error) => {
        this.error = error;
      },
    });
  }

  /** The correlation ids, or audit ids, of what was emitted. */
  get ids(): string[] {
    return this.events.map((event) => String(event.get('azure.correlationid') ?? event.get('ka.auditid')));
  }

  count(name: string): number {
    return this.ctx.metrics.total(name);
  }

  /** Waits for something to become true, for ten seconds. */
  async until(test: () => boolean, what = ''): Promise<void> {
    for (let tries = 0; tries < 2000 && !test(); tries++) await sleep(5);
    const shown = { error: this.error, ids: this.ids.length, lines: this.lines, said: this.ctx.said };
    expect(test(), `${what} ${inspect(shown, { depth: 4 })}`).toBe(true);
  }

  /** Stops it as a run does. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#subscription.unsubscribe();
    this.ctx.abort.abort(new Error('stopped'));
    for (const close of this.#closing) await close(AbortSignal.abort());
  }
}
