/** Delivers alerts through a sink `http` of a whole pipeline, and tells what became of them. */

import { join } from 'node:path';
import { Subject } from 'rxjs';
import { z } from 'zod';
import { defineSource } from '../../src/core/component.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import type { Alert } from '../../src/events/alert.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { until } from './servers.ts';

/** The state folder in `folder`. */
export function openStore(folder: string): Promise<Store> {
  return Store.open(join(folder, 'state'), (error) => {
    throw error;
  });
}

interface Delivery {
  readonly folder: string;
  /** Keys of the sink. */
  readonly sink: object;
  readonly alerts: readonly Alert[];
  /** After which time it gives up. */
  readonly retry?: string | undefined;
  readonly store?: Store | undefined;
}

/** Gives alerts of a live source to a sink, waits for what becomes of them, and returns that. */
export async function delivered({ folder, sink, alerts: events, retry = '200ms', store }: Delivery) {
  const alerts = new Subject<Batch>();
  const registry = builtIn();
  const common = { summary: 'For tests.', config: z.strictObject({}), examples: [] };
  const open = () => alerts;
  registry.add(
    defineSource({ ...common, type: 'alerts', delivery: 'at_most_once', emits: () => ['alert'], open }),
    'test',
  );
  const out = {
    ...{ type: 'http', from: 'in', ...sink },
    retry: { initial: '10ms', max: '50ms', give_up_after: retry },
  };
  const yaml = JSON.stringify({ sources: { in: { type: 'alerts' } }, sinks: { out } });
  const plan = planPipeline(PipelineDocument.parse(join(folder, 'pipeline.yaml'), yaml), registry);
  const { log, lines } = recordedLog();
  const run = await Run.start(plan, { log, resolve: (path) => join(folder, path), ...(store ? { store } : {}) });
  alerts.next({ source: 'alert', form: recordForm, events, ack: liveAck });
  await until(() => run.totals.summary().in_flight === 0);
  const summary = await run.stop(1000);
  return { summary, said: lines.join('\n') };
}

/** The rules of the alerts that are dead letters of the sink, and why. */
export async function letters(store: Store): Promise<{ rules: string[]; why: string[] }> {
  const dead = await store.dead('out');
  const texts = await Promise.all(dead.map(({ id }) => store.letter(id)));
  const lines = texts.flatMap((text) => (text ?? '').trim().split('\n'));
  const rules = lines.map((line) => JSON.parse(line).type as string);
  return { rules, why: dead.map(({ reason, message }) => `${reason}: ${message}`) };
}
