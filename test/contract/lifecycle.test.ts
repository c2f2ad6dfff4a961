/** What every component keeps to while it runs: opening, closing and acks, whatever fails and whenever it stops. */

import { resolve } from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { Subject } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { liveAck, type Status } from '../../src/core/ack.ts';
import type { Batch } from '../../src/core/batch.ts';
import type { AnyDefinition, OperatorDefinition, SinkDefinition, SourceDefinition } from '../../src/core/component.ts';
import { defineSink, defineSource } from '../../src/core/component.ts';
import { UserError } from '../../src/core/errors.ts';
import { Counters } from '../../src/core/metrics.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { prometheusText } from '../../src/pipeline/prometheus.ts';
import { builtIn, type Registry } from '../../src/pipeline/registry.ts';
import { Run } from '../../src/pipeline/run.ts';
import { recordedLog } from '../core/shared.ts';
import { alertOf, recordOf } from '../sinks/shared.ts';
import { Fixtures } from './fixtures.ts';

const registry = builtIn();
const pipelines = resolve(import.meta.dirname, '../../pipelines');
let fixtures: Fixtures;
beforeAll(async () => {
  fixtures = await Fixtures.start();
});
afterAll(() => fixtures.stop());

const common = { summary: 'For tests.', config: z.strictObject({}), examples: [] };

/** Batches that a test gives, and every answer to them. */
class Given {
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
}

/** A sink of the test, which takes events or does not. */
type Mood = 'taking' | 'failing' | 'hanging';

function registryWith(given: Given, mood: () => Mood): Registry {
  const own = builtIn();
  const source = (type: string, emits: string, from: Subject<Batch>) =>
    defineSource({ ...common, type, delivery: 'at_least_once', emits: () => [emits], open: () => from });
  const live = { delivery: 'at_most_once' as const, emits: () => ['alert'], open: () => given.live };
  own.add(defineSource({ ...common, type: 'live_alerts', ...live }), 'test');
  own.add(source('given_alerts', 'alert', given.alerts), 'test');
  own.add(source('given_calls', 'syscall', given.calls), 'test');
  const write = async () => {
    if (mood() === 'failing') throw new Error('it fails');
    if (mood() === 'hanging') await new Promise(() => {});
  };
  own.add(defineSink({ ...common, type: 'test_sink', open: async () => ({ write, close: async () => {} }) }), 'test');
  return own;
}

async function started(pipeline: object, own: Registry, folder = fixtures.folder): Promise<Run> {
  const plan = planPipeline(PipelineDocument.parse(`${folder}/contract.yaml`, JSON.stringify(pipeline)), own);
  return Run.start(plan, { log: recordedLog().log, resolve: (path) => resolve(folder, path) });
}

/** How long the acks of a failing sink may take: it gives up soon. */
const SOON = { retry: { initial: '1ms', max: '5ms', give_up_after: '50ms' }, timeout: '2s' };

async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((done) => setTimeout(done, 5));
}

/** Stops at once, and expects every batch to have been answered exactly once. */
async function expectAnswered(run: Run, given: Given, deadline = 0): Promise<void> {
  const { seen, delivered, filtered, dropped, in_flight } = await run.stop(deadline);
  expect(given.answers.map((answers) => answers.length)).toEqual(given.answers.map(() => 1));
  expect(in_flight).toBe(0);
  expect(delivered + filtered + dropped).toBe(seen);
}

/** What /metrics says of the component, by the metric's name without its prefix. */
function metricsOf(run: Run): Record<string, number> {
  const text = prometheusText(run.status(), run.plan, createHistogram());
  const lines = text.matchAll(/^falco_pipe_(\w+)\{[^}]*="it"[^}]*\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]));
}

const typesOf = <D extends AnyDefinition>(definitions: Iterable<D>) =>
  [...definitions].map((each) => [each.type, each] as const);

describe.each(typesOf(registry.sources.values() as Iterable<SourceDefinition & AnyDefinition>))(
  'the source %s',
  (type) => {
    /** Runs the source alone; what refuses to open (no rights, nobody there) is a UserError, and nothing is left open. */
    async function opened(ms: number): Promise<void> {
      const config = fixtures.sources[type];
      const own = registryWith(new Given(), () => 'taking');
      const pipeline = { sources: { it: { type, ...config } }, sinks: { out: { type: 'test_sink', from: 'it' } } };
      let run: Run;
      try {
        run = await started(pipeline, own);
      } catch (error) {
        if (!(error instanceof UserError) || error.diagnostics.some(({ code }) => code.startsWith('CONFIG')))
          throw error;
        return;
      }
      if (ms > 0) await new Promise((done) => setTimeout(done, ms));
      expect(run.status().components.map(({ id }) => id)).toContain('it');
      const { seen, delivered, dropped } = await run.stop(1000);
      expect([delivered, dropped]).toEqual([seen, 0]);
      // Stopping what has stopped is no error.
      await run.stop(0);
    }

    it('opens and closes without an event, also while it opens', async ({ skip }) => {
      if (!(type in fixtures.sources)) skip(`fixtures.ts has no configuration of ${type} for this machine alone`);
      await opened(0);
      await opened(30);
    });
  },
);

describe.each(typesOf(registry.operators.values() as Iterable<OperatorDefinition & AnyDefinition>))(
  'the operator %s',
  (type, definition) => {
    const example = Object.values(
      parse(definition.examples[0]?.yaml ?? '') as Record<string, { from: string | string[] }>,
    )[0];
    const reads = [example?.from ?? []].flat().map((id) => (/node|kernel/.test(id) ? 'given_calls' : 'given_alerts'));
    const kinds = [...new Set(reads)];

    async function running(mood: Mood, more = {}) {
      const given = new Given();
      const { table: _, ...rest } = example as Record<string, unknown>;
      const config = fixtures.operators[type] ?? rest;
      const sources = Object.fromEntries(kinds.map((kind) => [kind, { type: kind }]));
      const pipeline = {
        sources,
        operators: { it: { ...config, type, from: kinds } },
        sinks: { out: { type: 'test_sink', from: 'it', ...SOON, ...more } },
      };
      const folder = type in fixtures.operators ? fixtures.folder : pipelines;
      const run = await started(
        pipeline,
        registryWith(given, () => mood),
        folder,
      );
      const give = () => {
        for (const kind of kinds) given.give(kind === 'given_calls' ? 'syscall' : 'alert');
      };
      return { run, given, give };
    }

    it('opens and closes without an event', async () => {
      const { run } = await running('taking');
      expect(await run.stop(0)).toMatchObject({ seen: 0, in_flight: 0 });
    });

    it('has every batch answered exactly once, whether what is below takes, fails or hangs', async () => {
      for (const mood of ['taking', 'failing', 'hanging'] as const) {
        const { run, given, give } = await running(mood);
        for (let n = 0; n < 3; n++) {
          give();
          await new Promise((done) => setImmediate(done));
        }
        if (mood !== 'hanging') await run.stop(3000);
        expect(metricsOf(run)).toMatchObject({ received_events_total: 9 * kinds.length });
        await expectAnswered(run, given);
      }
    });
  },
);

describe.each(typesOf(registry.sinks.values() as Iterable<SinkDefinition & AnyDefinition>))(
  'the sink %s',
  (type, definition) => {
    async function running(config: object | undefined) {
      const given = new Given();
      const pipeline = {
        sources: { in: { type: 'given_alerts' }, live: { type: 'live_alerts' } },
        sinks: { it: { type, from: ['in', 'live'], ...SOON, ...config } },
      };
      return {
        given,
        run: await started(
          pipeline,
          registryWith(given, () => 'taking'),
        ),
      };
    }

    it('opens and closes without an event, twice', async ({ skip }) => {
      if (type === 'stdout') skip('its descriptor is that of the test itself: see test/sinks/stdout.test.ts');
      for (const config of [fixtures.taking[type], fixtures.failing[type]]) {
        if (!config) continue;
        const abort = new AbortController();
        const ctx = {
          ...{ id: 'it', signal: abort.signal, log: recordedLog().log, metrics: new Counters(), now: Date.now },
          ...{ sleep: async () => {}, stop: () => {}, resolve: (path: string) => resolve(fixtures.folder, path) },
          origin: () => ({ node: 'node1', cluster: undefined, pipeline: 'contract', digest: 'sha256:0' }),
        };
        // Aborted while it opens it may refuse, or open and be closed.
        for (const early of [false, true]) {
          const opening = definition.open(definition.config.parse(config), ctx);
          if (early) abort.abort(new Error('stopped'));
          const sink = await opening.catch((error: unknown) => {
            expect(early || error instanceof UserError, String(error)).toBe(true);
          });
          await sink?.close();
          await sink?.close();
        }
      }
    });

    it('that takes events: each batch is delivered, and answered once', async ({ skip }) => {
      if (!(type in fixtures.taking)) skip(`fixtures.ts has no receiver for ${type}`);
      const { run, given } = await running(fixtures.taking[type]);
      for (let n = 0; n < 3; n++) given.give('alert');
      given.give('alert', true);
      await until(() => given.answers.every((answers) => answers.length > 0));
      expect(given.answers).toEqual([['delivered'], ['delivered'], ['delivered']]);
      await expectAnswered(run, given, 2000);
      expect(metricsOf(run)).toMatchObject({ delivered_events_total: 12, queue_events: 0, component_up: 1 });
    });

    it('that takes none: what can come again fails, the rest is dropped; once, also at a stop', async ({ skip }) => {
      if (!(type in fixtures.failing)) skip(`fixtures.ts has no receiver that fails for ${type}`);
      const { run, given } = await running(fixtures.failing[type]).catch((error: unknown) => {
        // It may refuse to open; then there is nothing to answer.
        expect(error).toBeInstanceOf(UserError);
        return { run: undefined, given: undefined };
      });
      if (!run) return;
      given.give('alert');
      await until(() => given.answers.every((answers) => answers.length > 0));
      expect(given.answers).toEqual([['failed']]);
      expect(metricsOf(run)).toMatchObject({ errors_total: expect.any(Number), queue_bytes: 0, component_up: 0 });
      given.give('alert', true);
      given.give('alert');
      await expectAnswered(run, given);
      expect(metricsOf(run)).toMatchObject({ dropped_events_total: 3 });
    });
  },
);
