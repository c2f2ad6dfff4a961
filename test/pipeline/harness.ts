/** A pipeline of test components, from its YAML to a run whose logs can be read. */

import { type Observable, Subject } from 'rxjs';
import { z } from 'zod';
import {
  defineOperator,
  defineSink,
  defineSource,
  type OperatorContext,
  type SinkContext,
  type SourceContext,
  type Step,
} from '../../src/core/component.ts';
import type { Event } from '../../src/core/event.ts';
import { type Ack, liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn, type Registry } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { eventsOf, numbersOf, recordedLog } from '../core/shared.ts';

/** A source that emits what the test gives it. */
export class ManualSource {
  readonly input = new Subject<Batch>();

  /** Emits events with the numbers `from`, `from` + 1, …; live unless an ack is given. */
  emit(count: number, from = 0, ack: Ack = liveAck): void {
    this.input.next({ source: 'syscall', form: recordForm, events: eventsOf(count, from), ack });
  }
}

/** A sink that keeps the numbers that it was given, and does what `write` says. */
export class ManualSink {
  readonly got: unknown[] = [];
  closed = 0;
  ctx: SinkContext | undefined;
  write: (events: readonly Event[], signal: AbortSignal) => Promise<void> = async () => {};
}

export interface Parts {
  readonly sources?: Record<string, (ctx: SourceContext) => Observable<Batch>>;
  /** Those of them that deliver at least once. */
  readonly replayable?: readonly string[];
  readonly operators?: Record<string, (ctx: OperatorContext) => Step>;
  readonly sinks?: Record<string, ManualSink>;
}

/** The built-in components and those given, each under its name as type. */
export function registryOf({ sources = {}, replayable = [], operators = {}, sinks = {} }: Parts): Registry {
  const registry = builtIn();
  const common = { summary: 'For tests.', config: z.strictObject({}), examples: [] };
  for (const [type, open] of Object.entries(sources)) {
    const delivery = replayable.includes(type) ? ('at_least_once' as const) : ('at_most_once' as const);
    registry.add(
      defineSource({ ...common, type, delivery, emits: () => ['syscall'], open: (_config, ctx) => open(ctx) }),
      'test',
    );
  }
  for (const [type, create] of Object.entries(operators)) {
    registry.add(defineOperator({ ...common, type, create: (_config, ctx) => create(ctx) }), 'test');
  }
  for (const [type, sink] of Object.entries(sinks)) {
    const open = async (_config: object, ctx: SinkContext) => {
      sink.ctx = ctx;
      const write = async (events: readonly Event[], signal: AbortSignal) => {
        await sink.write(events, signal);
        sink.got.push(...numbersOf(events));
      };
      return { write, close: async () => void sink.closed++ };
    };
    registry.add(defineSink({ ...common, type, open }), 'test');
  }
  return registry;
}

/** Starts a pipeline; `lines` are its logs. */
export async function start(yaml: string, parts: Parts, positions?: Map<string, unknown>) {
  const { log, lines } = recordedLog();
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registryOf(parts));
  const run = await Run.start(plan, { log, resolve: String, ...(positions ? { positions } : {}) });
  return { run, lines, plan };
}
