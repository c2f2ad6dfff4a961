/** Runs one operator over events, without a pipeline around it. */

import type { OperatorDefinition } from '../core/component.ts';
import type { Event, Value } from '../core/event.ts';
import { liveAck } from '../core/flow/ack.ts';
import { createLogger } from '../core/log.ts';
import { Counters } from '../core/metrics.ts';
import { EventRecord, recordForm } from '../events/record.ts';
import { Segment } from '../pipeline/run/fuse.ts';

/** An event to test with: its fields; `source` defaults to `syscall`, `type` to `open`, `time` (ns) to 0. */
export interface TestEvent {
  readonly source?: string;
  readonly type?: string;
  readonly time?: bigint;
  readonly fields: Readonly<Record<string, Value>>;
}

export interface Outcome {
  /** What left the operator, in order. */
  readonly events: readonly Event[];
  /** What it threw, event by event, and why an event that it has made is none. */
  readonly errors: readonly unknown[];
}

/**
 * Gives events to a fresh instance of a synchronous operator and returns what leaves it. `config` is checked by the
 * operator's schema (a ZodError when it is wrong). `now` is the time of day in ms that the operator sees.
 */
export function runSteps(
  definition: OperatorDefinition,
  config: unknown,
  events: readonly TestEvent[],
  now: () => number = () => 0,
): Outcome {
  const errors: unknown[] = [];
  const left: Event[] = [];
  const failed = (_event: Event, error: unknown) => void errors.push(error);
  const signal = new AbortController().signal;
  const log = createLogger({ level: 'silent' });
  const context = {
    id: definition.type,
    signal,
    log,
    metrics: new Counters(),
    now,
    sleep: async () => {},
    resolve: String,
  };
  const step = definition.create(definition.config.parse(config), {
    ...context,
    state: undefined,
    failed,
    trouble: () => {},
    lose: (event, error, ack) => {
      failed(event, error);
      ack.settle('dropped');
    },
    saved: () => undefined,
    takesOver: () => false,
    changeReads: async (_reads, change) => change(),
    keep: () => (ack) => ack.settle('absorbed'),
  });
  if (step.kind === 'stream') throw new Error(`${definition.type} is a stream: test it with RxJS's TestScheduler`);
  const port = {
    id: 'test',
    fields: () => [],
    deliver: (_source: string, parcel: { events: readonly Event[] }) => void left.push(...parcel.events),
  };
  const count = () => ({ value: 0 });
  const node = {
    id: definition.type,
    step,
    emits: String,
    fields: () => [],
    next: [port],
    failed,
    received: count(),
    sent: count(),
  };
  const segment = new Segment([node], undefined, (error) => void errors.push(error));
  for (const { source = 'syscall', type = 'open', time = 0n, fields } of events) {
    const event = new EventRecord(source, type, time, fields);
    segment.process({ source, form: recordForm, events: [event], ack: liveAck });
  }
  return { events: left, errors };
}
