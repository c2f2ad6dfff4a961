/** A pipeline whose source is `nats`. */

import { z } from 'zod';
import { defineSink } from '../../../src/core/component.ts';
import type { Event } from '../../../src/core/event.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';
import { Run } from '../../../src/pipeline/run/run.ts';
import { recordedLog } from '../../core/shared.ts';

/** What a pipeline that reads from NATS has got. */
export interface Reading {
  readonly running: Run;
  readonly got: readonly Event[];
  readonly lines: readonly string[];
}

export interface ReadingOptions {
  /** What its sink does with events before it has got them. */
  readonly write?: (events: readonly Event[]) => Promise<void>;
  /** The sink, as YAML, where it is to be another one. */
  readonly sink?: string;
  readonly positions?: Map<string, unknown>;
}

/** Starts a pipeline; `config` is its source's, beside the type. */
export async function startReading(config: object, options: ReadingOptions = {}): Promise<Reading> {
  const { write = async () => {}, sink = '{ type: test_sink, from: in }', positions = new Map() } = options;
  const got: Event[] = [];
  const registry = builtIn();
  const open = async () => ({
    write: async (events: readonly Event[]) => {
      await write(events);
      got.push(...events);
    },
    close: async () => {},
  });
  registry.add(
    defineSink({ type: 'test_sink', summary: 'For tests.', config: z.strictObject({}), examples: [], open }),
    'test',
  );
  const source = JSON.stringify({ type: 'nats', emits: ['alert', 'syscall', 'internal'], ...config });
  const yaml = `sources: { in: ${source}, self: { type: internal, heartbeat: 1h } }
sinks: { out: ${sink}, rest: { type: test_sink, from: self } }
`;
  const plan = planPipeline(PipelineDocument.parse('collector.yaml', yaml), registry);
  const { log, lines } = recordedLog();
  const running = await Run.start(plan, { log, resolve: String, positions });
  // The sink `rest` only has what the run says of itself.
  return {
    running,
    lines,
    get got() {
      return got.filter(({ source: of }) => of !== 'internal');
    },
  };
}
