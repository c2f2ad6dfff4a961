/** A pipeline around one component, `it`, whose batches and answers are the test's. */

import { resolve } from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { Subject } from 'rxjs';
import { expect } from 'vitest';
import { z } from 'zod';
import { defineSink, defineSource } from '../../src/core/component.ts';
import { liveAck, type Status } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn, type Registry } from '../../src/pipeline/plan/registry.ts';
import { prometheusText } from '../../src/pipeline/run/prometheus.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { recordedLog } from '../core/shared.ts';
import { alertOf, recordOf } from '../sinks/shared.ts';

const common = { summary: 'For tests.', config: z.strictObject({}), examples: [] };

/** Batches that a test gives, and every answer to them. */
export class Given {
  readonly alerts = new Subject<Batch>();
  readonly live = new Subject<Batch>();
  readonly calls = new Subject<Batch>();
  readonly answers: Status[][] = [];

  /** Gives a batch of three alerts, or of system calls, whose answers are kept; live ones have no answer. */
  give(source: 'alert' | 'syscall', live = false): void {
    const answers: Status[] = [];
    const events = [0, 1, 2].map((n) =>
      source === 'alert'
        ? alertOf(`rule ${n}`)
        : recordOf({ 'proc.name': `p${n}`, 'evt.hostname': 'node1', 'fd.name': '/etc/shadow' }, 'openat'),
    );
    // Not made by ackOf, which would hide a second answer.
    const ack = live ? liveAck : { live: false, settle: (status: Status) => void answers.push(status) };
    if (!live) this.answers.push(answers);
    const into = live ? this.live : source === 'alert' ? this.alerts : this.calls;
    into.next({ source, form: recordForm, events, ack });
  }

  /** Resolves when each batch has an answer. */
  async answered(): Promise<void> {
    while (this.answers.some((answers) => answers.length === 0)) await new Promise((done) => setTimeout(done, 5));
  }
}

/** A sink of the test, which takes events or does not. */
export type Mood = 'taking' | 'failing' | 'hanging';

export function registryWith(given: Given, mood: Mood = 'taking'): Registry {
  const own = builtIn();
  const source = (type: string, emits: string, from: Subject<Batch>) =>
    defineSource({ ...common, type, delivery: 'at_least_once', emits: () => [emits], open: () => from });
  const live = { delivery: 'at_most_once' as const, emits: () => ['alert'], open: () => given.live };
  own.add(defineSource({ ...common, type: 'live_alerts', ...live }), 'test');
  own.add(source('given_alerts', 'alert', given.alerts), 'test');
  own.add(source('given_calls', 'syscall', given.calls), 'test');
  const write = async () => {
    if (mood === 'failing') throw new Error('it fails');
    if (mood === 'hanging') await new Promise(() => {});
  };
  own.add(defineSink({ ...common, type: 'test_sink', open: async () => ({ write, close: async () => {} }) }), 'test');
  return own;
}

/** Runs a pipeline whose paths start in `folder`. */
export async function started(pipeline: object, own: Registry, folder: string): Promise<Run> {
  const plan = planPipeline(PipelineDocument.parse(`${folder}/contract.yaml`, JSON.stringify(pipeline)), own);
  return Run.start(plan, { log: recordedLog().log, resolve: (path) => resolve(folder, path) });
}

/** How long the acks of a failing sink may take: it gives up soon. */
export const SOON = { retry: { initial: '1ms', max: '5ms', give_up_after: '50ms' }, timeout: '2s' };

/** Stops within `deadline` ms, and expects every batch to have been answered exactly once. */
export async function expectAnswered(run: Run, given: Given, deadline = 0): Promise<void> {
  const { seen, delivered, filtered, dropped, in_flight } = await run.stop(deadline);
  expect(given.answers.map((answers) => answers.length)).toEqual(given.answers.map(() => 1));
  expect(in_flight).toBe(0);
  expect(delivered + filtered + dropped).toBe(seen);
}

/** What /metrics says of the component, by the metric's name without its prefix. */
export function metricsOf(run: Run): Record<string, number> {
  const text = prometheusText(run.status(), run.plan, createHistogram());
  const lines = text.matchAll(/^falco_pipe_(\w+)\{[^}]*="it"[^}]*\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]));
}
