/** One operator in a pipeline of its own: what is put in, and what comes out of it. */

import { Subject } from 'rxjs';
import { z } from 'zod';
import { defineSink, defineSource, type Sink } from '../../src/core/component.ts';
import { renderDiagnostic, UserError } from '../../src/core/errors.ts';
import { type Ack, liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { type EventRecord, recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import type { PlannedOperator } from '../../src/pipeline/plan/planned.ts';
import { builtIn, type Registry } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import type { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';

const common = { summary: 'For tests.', config: z.strictObject({}), examples: [] };

/** The sources `alerts` and `calls`, and a sink that keeps what it is given unless `write` fails. */
function registryOf(
  input = new Subject<Batch>(),
  kernel = new Subject<Batch>(),
  write: (events: readonly EventRecord[]) => Promise<void> = async () => {},
): Registry {
  const registry = builtIn();
  const source = (type: string, emits: string, from: Subject<Batch>) =>
    defineSource({ ...common, type, delivery: 'at_most_once', emits: () => [emits], open: () => from });
  registry.add(source('alerts', 'alert', input), 'test');
  registry.add(source('calls', 'syscall', kernel), 'test');
  const opened = { write: write as Sink['write'], close: async () => {} };
  registry.add(defineSink({ ...common, type: 'test_sink', open: async () => opened }), 'test');
  return registry;
}

/** A pipeline around an operator: its sources `in` (alerts), `kernel` (syscall) and a sink. */
function planOf(operator: string, registry = registryOf()) {
  const uses = (id: string) => new RegExp(`\\b${id}\\b`).test(operator);
  const sources = [
    ...(uses('in') ? ['in: { type: alerts }'] : []),
    ...(uses('kernel') ? ['kernel: { type: calls }'] : []),
  ];
  const last = [...operator.matchAll(/^ {2}(\w+):/gm)].at(-1)?.[1] ?? 'op';
  const yaml = `sources: { ${sources.join(', ')} }\noperators:\n  op: ${operator}\nsinks: { out: { type: test_sink, from: ${last} } }\n`;
  return planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
}

/** The errors of a pipeline with that operator, as people see them; '' when there are none. */
export function errorsOf(operator: string): string {
  try {
    planOf(operator);
    return '';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, error.texts)).join('\n');
  }
}

export class OperatorRun {
  readonly events: EventRecord[];
  readonly running: Run;
  /** What was logged. */
  readonly lines: readonly string[];
  readonly #inputs: Readonly<Record<string, Subject<Batch>>>;
  readonly #registry: Registry;

  constructor(
    running: Run,
    events: EventRecord[],
    inputs: Readonly<Record<string, Subject<Batch>>>,
    registry: Registry,
    lines: readonly string[],
  ) {
    this.lines = lines;
    this.running = running;
    this.events = events;
    this.#inputs = inputs;
    this.#registry = registry;
  }

  /** Goes on with another operator, or the same one planned anew. */
  async reload(operator: string): Promise<void> {
    await this.running.reload(planOf(operator, this.#registry));
  }

  /** Puts events in, in one batch for each event source. */
  put(events: readonly EventRecord[], ack: Ack = liveAck): void {
    for (const [source, own] of Map.groupBy(events, (event) => event.source)) {
      this.#inputs[source]?.next({ source, form: recordForm, events: own, ack });
    }
  }

  counters(): Record<string, number> {
    const counters = this.running.metrics.get('op');
    return Object.fromEntries((counters?.names() ?? []).map((name) => [name, counters?.total(name) ?? 0]));
  }
}

/** The operator as it was planned. */
export function planned(operator: string): PlannedOperator {
  return planOf(operator).operators[0] as PlannedOperator;
}

/**
 * Starts a pipeline of one operator, given as YAML that reads from `in` (alerts) or `kernel` (system calls) or both. The sink
 * takes what comes out once `write` has resolved.
 */
export async function start(
  operator: string,
  store?: Store,
  write: () => Promise<void> = async () => {},
): Promise<OperatorRun> {
  const got: EventRecord[] = [];
  const inputs = { alert: new Subject<Batch>(), syscall: new Subject<Batch>() };
  const registry = registryOf(inputs.alert, inputs.syscall, async (events) => {
    await write();
    got.push(...events);
  });
  const { log, lines } = recordedLog();
  const options = { log, resolve: String, ...(store ? { store } : {}) };
  return new OperatorRun(await Run.start(planOf(operator, registry), options), got, inputs, registry, lines);
}

/** Runs events through an operator and returns what came out once the pipeline has stopped. */
export async function run(
  operator: string,
  { alerts = [], calls = [] }: { alerts?: EventRecord[]; calls?: EventRecord[] },
) {
  const running = await start(operator);
  running.put(calls);
  running.put(alerts);
  const summary = await running.running.stop();
  return { events: running.events, summary, counters: running.counters() };
}
