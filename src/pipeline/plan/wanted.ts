/** What is wanted of what each component emits, asked from the sinks up. */

import type { Demands, OperatorDefinition, Prepared } from '../../core/component.ts';
import { joinDemands, narrowed, without } from './demand.ts';
import type { Plan, PlannedOperator, PlannedSink } from './planned.ts';

interface Asking {
  readonly from: readonly string[];
  readonly definition: OperatorDefinition;
  readonly config: unknown;
  readonly prepared: Prepared;
}

export class Wanted {
  readonly #demands = new Map<string, Demands>();

  /** Of what a component emits; complete when all that is below it was added. */
  of(id: string): Demands {
    return this.#demands.get(id) ?? new Map();
  }

  add(from: readonly string[], demands: Demands): void {
    for (const id of from) this.#demands.set(id, joinDemands(this.#demands.get(id), demands));
  }

  addOperator(operator: Asking, below: Demands): void {
    this.add(operator.from, askedBy(operator, below));
  }
}

/** What an operator asks of those it reads from: what it reads itself, and what those below it want that it passes on. */
function askedBy(
  { definition, config, prepared: { reads = new Map() } }: Omit<Asking, 'from'>,
  below: Demands,
): Demands {
  const above = definition.emits === 'same' ? narrowed(below, reads) : reads;
  return without(above, definition.provides?.(config) ?? []);
}

/** What each component that reads from another one asks of it: together its demand. */
export function readersOf(plan: Plan, id: string): ReadonlyMap<PlannedOperator | PlannedSink, Demands> {
  const operators = plan.operators.map((operator) => [operator, askedBy(operator, operator.demand)] as const);
  const sinks = plan.sinks.map((sink) => [sink, sink.reads] as const);
  return new Map<PlannedOperator | PlannedSink, Demands>(
    [...operators, ...sinks].filter(([{ from }]) => from.includes(id)),
  );
}

/** The same plan, where operators read what is given here by their ids: what is wanted of sources follows. */
export function withReads(plan: Plan, reads: ReadonlyMap<string, Demands>): Plan {
  if (reads.size === 0) return plan;
  const wanted = new Wanted();
  for (const sink of plan.sinks) wanted.add(sink.from, sink.reads);
  const operators = plan.operators.map((operator) => {
    const own = reads.get(operator.id);
    return own === undefined ? operator : { ...operator, prepared: { ...operator.prepared, reads: own } };
  });
  for (const operator of operators.toReversed()) wanted.addOperator(operator, wanted.of(operator.id));
  return { ...plan, operators, sources: plan.sources.map((source) => ({ ...source, demand: wanted.of(source.id) })) };
}
