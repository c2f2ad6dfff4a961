/** The source `azure_event_hubs` at work on a hub, without a pipeline. */

import { inspect } from 'node:util';
import { azureEventHubs } from '../../src/sources/azure-event-hubs/index.ts';
import { Harness, type HarnessOptions } from '../sources/harness.ts';
import type { EventHub } from './event-hubs.ts';

/** Names of environment variables that hold connection strings. */
let secrets = 0;

/** A secret of the configuration whose text is in an environment variable of its own. */
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

export interface OpenedOptions extends HarnessOptions {
  readonly config?: object;
}

export class Opened extends Harness {
  constructor(hub: EventHub, { config = {}, ...options }: OpenedOptions = {}) {
    const given = { connection: secretOf(hub.connectionString), wait: '100ms', ...config };
    super(azureEventHubs, given, { longest: 20, ...options });
  }

  /** The correlation ids, or audit ids, of what was emitted. */
  get ids(): string[] {
    return this.events.map((event) => String(event.get('azure.correlationid') ?? event.get('ka.auditid')));
  }

  /** The sequence number that partitions stand behind, by partition. */
  get stands(): Record<string, number> {
    return sequences(this.position);
  }

  count(name: string): number {
    return this.metrics.total(name);
  }

  override async until(test: (it: this) => boolean | Promise<boolean>): Promise<void> {
    await super.until(test).catch((error) => {
      const { end, ids, log, reports } = this;
      throw new Error(
        `${error.message}: ${inspect({ end, ids: ids.length, lines: log.lines, reports }, { depth: 4 })}`,
      );
    });
  }
}

/** The sequence numbers of a position of the source. */
export function sequences(position: unknown): Record<string, number> {
  const places = Object.entries((position ?? {}) as Record<string, { sequence: number }>);
  return Object.fromEntries(places.map(([partition, { sequence }]) => [partition, sequence]));
}
