/** Opens a sink by its definition, as a run does. */

import type { Sink, SinkContext, SinkDefinition } from '../../src/core/component.ts';
import { Counters } from '../../src/core/metrics.ts';
import { makeAlert } from '../../src/events/alert.ts';
import { EventRecord } from '../../src/events/record.ts';
import { recordedLog } from '../core/shared.ts';

export const TIME = 1_700_000_000_123_456_789n;

/** A signal that is never aborted. */
export const never = new AbortController().signal;

export function alertOf(rule: string, priority = 'Warning', output = `${rule} happened (user=root)`) {
  const content = { rule, priority, tags: ['host'], hostname: 'node1', output, source: 'syscall' };
  return makeAlert(TIME, { ...content, outputFields: { 'user.name': 'root', 'proc.pid': 42, 'fd.name': null } });
}

export function recordOf(fields: EventRecord['fields'], type = 'open'): EventRecord {
  return new EventRecord('syscall', type, TIME, fields);
}

export async function openSink(
  definition: SinkDefinition,
  config: object,
  stop = (_why: string) => {},
  { log } = recordedLog(),
): Promise<Sink> {
  const { signal } = new AbortController();
  const ctx: SinkContext = {
    id: 'out',
    signal,
    log,
    metrics: new Counters(),
    now: Date.now,
    sleep: async () => {},
    resolve: String,
    origin: () => ({ node: 'node1', cluster: undefined, pipeline: 'edge', digest: 'sha256:0' }),
    stop,
  };
  return definition.open(definition.config.parse(config), ctx);
}
