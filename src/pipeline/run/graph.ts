/** Wiring: from a plan and the components at work to the loops that batches go through. Nothing runs by it. */

import { messageOf } from '../../core/errors.ts';
import { lettersOf } from '../../store/keep.ts';
import type { Plan } from '../plan/planned.ts';
import { type FusedNode, type Port, Segment } from './fuse.ts';
import type { LiveOperator } from './live-operator.ts';
import type { LiveSink } from './live-sink.ts';
import type { LiveSource } from './live-source.ts';
import type { Runtime } from './runtime.ts';

/** The components of a plan, at work. */
export interface Live {
  readonly plan: Plan;
  readonly sources: ReadonlyMap<string, LiveSource>;
  readonly operators: ReadonlyMap<string, LiveOperator>;
  readonly sinks: ReadonlyMap<string, LiveSink>;
}

/**
 * The loops of a plan, by id: below each source, each `stream` operator, and for what an operator has held; by `lettersOf`
 * those of operators that are given again what they have failed on.
 */
export type Wiring = ReadonlyMap<string, Segment>;

/** More places where events go, by the id of the component that they come from. */
export type Extras = (id: string) => readonly (FusedNode | Port)[];

/** Wires a plan. Books are kept once for each event: below sources, not again for what comes later. */
export function wire({ plan, operators, sinks }: Omit<Live, 'sources'>, runtime: Runtime, extras: Extras): Wiring {
  const wiring = new Map<string, Segment>();
  const targets = new Map<string, FusedNode | Port>();
  const below = (id: string) => {
    const readers = [...plan.operators, ...plan.sinks].filter(({ from }) => from.includes(id));
    return [...readers.map((to) => targets.get(to.id) as FusedNode | Port), ...extras(id)];
  };
  const segment = (heads: (FusedNode | Port)[], id: string, totals?: Runtime['totals']) =>
    new Segment(heads, totals, (error) => {
      const message = `${id} emitted what cannot be read: ${messageOf(error)}`;
      runtime.reports.add({ component: id, type: 'error', fields: { reason: 'operator_error', message } });
    });
  for (const planned of plan.sinks) targets.set(planned.id, (sinks.get(planned.id) as LiveSink).port(planned));
  for (const planned of plan.operators.toReversed()) {
    const { id } = planned;
    const operator = operators.get(id) as LiveOperator;
    targets.set(id, operator.node(planned, operator.isStream ? [] : below(id)));
    if (operator.isStream) wiring.set(id, segment(below(id), id));
    if (runtime.store) wiring.set(lettersOf('operator', id), segment([targets.get(id) as FusedNode | Port], id));
    if (operator.holds) wiring.set(id, segment([operator.resumed(planned, below(id))], id));
  }
  for (const { id } of plan.sources) wiring.set(id, segment(below(id), id, runtime.totals));
  return wiring;
}

/** Lets batches go through a wiring from now on. Called between batches. */
export function connect({ sources, operators }: Live, wiring: Wiring): void {
  for (const [id, node] of [...sources, ...operators]) {
    const segment = wiring.get(id);
    if (segment) node.graph = (batch) => segment.process(batch);
  }
  for (const [id, operator] of operators) {
    const segment = wiring.get(lettersOf('operator', id));
    if (segment) operator.again = (batch) => segment.process(batch);
  }
}
