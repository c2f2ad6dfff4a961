/** A tap: a live sample of what leaves a component, or reaches a sink. It takes nothing from anybody. */

import { now } from '../../core/clock.ts';
import { where } from '../../core/component.ts';
import type { Event } from '../../core/event.ts';
import type { EventRecord } from '../../events/record.ts';
import { recordJson } from '../../events/record-json.ts';
import type { Plan } from '../plan/planned.ts';
import type { FusedNode, Port } from './fuse.ts';

export interface Tap {
  /** The component that is tapped. */
  readonly id: string;
  /** Events a second, at most. */
  readonly rate: number;
  /** Gets each event of the sample, as a line of JSON. */
  readonly next: (line: string) => void;
}

/** The place of a tap in a graph. Events are sampled before they are copied. */
export function tapNode(tap: Tap, plan: Plan): FusedNode {
  let second = 0;
  let passed = 0;
  const test = () => {
    const current = Math.floor(now() / 1000);
    if (current !== second) [second, passed] = [current, 0];
    return ++passed <= tap.rate;
  };
  const fields = new Map<string, readonly string[]>();
  const port: Port = {
    id: 'tap',
    fields(source) {
      let wanted = fields.get(source);
      if (!wanted) fields.set(source, (wanted = collected(plan, source)));
      return wanted;
    },
    deliver(_source, { events, ack }) {
      ack.settle('filtered');
      for (const event of events) tap.next(lineOf(event));
    },
  };
  const counter = () => ({ value: 0 });
  return {
    id: 'tap',
    step: where(test),
    fields: () => [],
    emits: (source) => source,
    next: [port],
    failed: () => {},
    received: counter(),
    sent: counter(),
  };
}

/** Whether a tap is below a component. */
export function tapsBelow(tap: Tap, id: string, plan: Plan): boolean {
  return tap.id === id || (plan.sinks.find((sink) => sink.id === tap.id)?.from.includes(id) ?? false);
}

// No more is asked for than is there anyway.
function collected(plan: Plan, source: string): string[] {
  const demands = [...plan.sources, ...plan.operators].flatMap(({ demand }) => demand.get(source) ?? []);
  return [...new Set(demands.flatMap(({ fields }) => [...fields]))];
}

function lineOf(event: Event): string {
  try {
    return recordJson(event as EventRecord);
  } catch (error) {
    return JSON.stringify({ error: String(error) });
  }
}
