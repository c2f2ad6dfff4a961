/** A part of a pipeline that runs: its operators are real, what is around them is the test. */

import { Observable, Subject } from 'rxjs';
import { z } from 'zod';
import { now } from '../../core/clock.ts';
import { defineSink, defineSource } from '../../core/component.ts';
import type { Event } from '../../core/event.ts';
import { ackOf } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { createLogger } from '../../core/log.ts';
import { PipelineDocument } from '../../pipeline/plan/document.ts';
import { type Loaded, loadRegistry } from '../../pipeline/plan/load.ts';
import { planPipeline } from '../../pipeline/plan/plan.ts';
import type { Plan } from '../../pipeline/plan/planned.ts';
import { Run } from '../../pipeline/run/run.ts';
import { START } from '../given-events.ts';
import { COLLECTED, collectorOf, GIVEN, giverOf, isolated, type Part } from './isolate.ts';
import type { GivenTo, PipelineTest } from './load.ts';
import { VirtualTime } from './virtual-time.ts';

/** Something that has left a component. */
export interface Collected {
  readonly event: Event;
  /** When, in ms since the epoch. */
  readonly at: number;
}

export interface Outcome {
  /** By component. */
  readonly left: ReadonlyMap<string, readonly Collected[]>;
  /** What components have reported: drops, errors. */
  readonly reports: readonly string[];
  /** Events that came to each operator, by its id. */
  readonly received: ReadonlyMap<string, number>;
}

export class Bench {
  readonly #plan: Plan;
  readonly #whole: Plan;
  readonly #part: Part;
  readonly #folder: string;
  #givers = new Map<string, Subject<Batch>>();
  #left = new Map<string, Collected[]>();
  #reports: string[] = [];

  /** @param fields what tests look at, by component */
  private constructor(whole: Loaded, part: Part, make: (bench: Bench) => Plan) {
    this.#whole = whole.plan;
    this.#part = part;
    this.#folder = whole.document.folder;
    this.#plan = make(this);
  }

  /** Plans a part of a pipeline. `fields`: what is looked at of what is collected, by component. */
  static async open(whole: Loaded, part: Part, fields: ReadonlyMap<string, ReadonlySet<string>>): Promise<Bench> {
    const { document, plan } = whole;
    const registry = await loadRegistry(document);
    const text = JSON.stringify(isolated(document.value() as Record<string, unknown>, plan, part));
    return new Bench(whole, part, (bench) => {
      registry.add(bench.#given(), 'test');
      registry.add(bench.#collected(fields), 'test');
      return planPipeline(PipelineDocument.parse(document.name, text), registry);
    });
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** Runs the part afresh over the events of a test. */
  async run({ events, until }: PipelineTest, signal: AbortSignal): Promise<Outcome> {
    this.#givers = new Map();
    this.#left = new Map();
    this.#reports = [];
    const time = new VirtualTime(START);
    try {
      const resolve = (path: string) => `${this.#folder}/${path}`;
      const run = await Run.start(this.#plan, { log: createLogger({ level: 'silent' }), resolve });
      try {
        for (const event of events) {
          if (signal.aborted) break;
          await time.until(START + event.at);
          this.#give(event);
        }
        await time.until(START + until);
        const left = new Map([...this.#left].map(([id, collected]) => [id, [...collected]]));
        const received = new Map(
          this.#plan.operators.map(({ id }) => [id, run.metrics.get(id)?.counter('received').value ?? 0]),
        );
        return { left, reports: [...this.#reports], received };
      } finally {
        await run.stop(0);
      }
    } finally {
      time.restore();
    }
  }

  #give({ event, form, into }: GivenTo): void {
    const { source } = event;
    this.#givers.get(giverOf(into, this.#whole))?.next({ source, form, events: [event], ack: ackOf(() => {}, true) });
  }

  #given() {
    return defineSource({
      type: GIVEN,
      summary: 'Gives the events of a test.',
      delivery: 'at_most_once',
      config: z.strictObject({ emits: z.array(z.string()) }),
      examples: [],
      emits: ({ emits }) => emits,
      open: (_config, ctx) =>
        new Observable<Batch>((subscriber) => {
          const giver = new Subject<Batch>();
          if (this.#givers.size === 0) {
            ctx.reports(({ component, type, fields }) => {
              if (type === 'drop' || type === 'error') this.#reports.push(`${component}: ${fields.message}`);
            });
          }
          this.#givers.set(ctx.id, giver);
          return giver.subscribe(subscriber);
        }),
    });
  }

  #collected(fields: ReadonlyMap<string, ReadonlySet<string>>) {
    const ids = new Map(this.#part.from.map((id) => [collectorOf(id), id]));
    const all = new Set([...fields.values()].flatMap((names) => [...names]));
    return defineSink({
      type: COLLECTED,
      summary: 'Takes what a test looks at.',
      config: z.strictObject({}),
      examples: [],
      reads: (_config, sources) => new Map(sources.map((source) => [source, { fields: all, types: 'all' as const }])),
      open: async (_config, ctx) => {
        const collected: Collected[] = [];
        this.#left.set(ids.get(ctx.id) ?? ctx.id, collected);
        return {
          write: async (events) => {
            for (const event of events) collected.push({ event, at: now() });
          },
          close: async () => {},
        };
      },
    });
  }
}
