/** What every component keeps to while it runs: opening, closing and acks, whatever fails and whenever it stops. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { AnyDefinition, OperatorDefinition, SinkDefinition, SourceDefinition } from '../../src/core/component.ts';
import { UserError } from '../../src/core/errors.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import type { Run } from '../../src/pipeline/run/run.ts';
import { absent, Fixtures } from './fixtures.ts';
import { expectAnswered, Given, type Mood, metricsOf, registryWith, SOON, started } from './running.ts';
import { deeds, self } from './sinks.ts';

const registry = builtIn();
const pipelines = resolve(import.meta.dirname, '../../pipelines');
let fixtures: Fixtures;
beforeAll(async () => {
  fixtures = await Fixtures.start();
});
afterAll(() => fixtures.stop());

const typesOf = <D extends AnyDefinition>(definitions: Iterable<D>) =>
  [...definitions].map((each) => [each.type, each] as const);

describe.each(typesOf(registry.sources.values() as Iterable<SourceDefinition & AnyDefinition>))(
  'the source %s',
  (type) => {
    /** Runs the source alone; what refuses to open (no rights, nobody there) is a UserError, and nothing is left open. */
    async function opened(config: object, ms: number): Promise<void> {
      const own = registryWith(new Given());
      const pipeline = { sources: { it: { type, ...config } }, sinks: { out: { type: 'test_sink', from: 'it' } } };
      let run: Run;
      try {
        run = await started(pipeline, own, fixtures.folder);
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
      const configs = [fixtures.sources[type], fixtures.stranded[type]].filter((config) => config !== undefined);
      expect(configs, `fixtures.ts has a configuration of ${type}`).not.toEqual([]);
      for (const config of configs) {
        await opened(config, 0);
        await opened(config, 30);
      }
      if (type in absent) skip(`${absent[type]}: it was opened only with nobody there`);
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
      const run = await started(pipeline, registryWith(given, mood), folder);
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
    async function keeps(deed: keyof typeof deeds, kind: 'taking' | 'failing'): Promise<void> {
      const config = fixtures[kind][type];
      expect(config, `fixtures.ts has a configuration of ${type} that is ${kind}`).toBeDefined();
      if (type === 'stdout') await inProcess(deed, kind);
      else await deeds[deed]({ definition, config: config as object, folder: fixtures.folder });
    }

    // With a standard output of its own: a pipe that is read, or a full device.
    async function inProcess(deed: keyof typeof deeds, kind: 'taking' | 'failing'): Promise<void> {
      const full = openSync('/dev/full', 'w');
      const child = spawn(process.execPath, ['--no-warnings', self, type, deed], {
        stdio: ['ignore', kind === 'taking' ? 'pipe' : full, 'pipe'],
      });
      closeSync(full);
      const [written, said, [status]] = await Promise.all([
        child.stdout ? text(child.stdout) : '',
        text(child.stderr as NonNullable<typeof child.stderr>),
        once(child, 'close'),
      ]);
      expect([said, status]).toEqual(['', 0]);
      if (deed === 'takes') expect(written.match(/rule \d happened/g)).toHaveLength(12);
    }

    it('opens and closes without an event, twice', async () => {
      if (!(type in absent)) await keeps('opens', 'taking');
      await keeps('opens', 'failing');
    });

    it('that takes events: each batch is delivered, and answered once', async ({ skip }) => {
      if (type in absent) skip(absent[type]);
      await keeps('takes', 'taking');
    });

    it('that takes none: what can come again fails, the rest is dropped; once, also at a stop', async () => {
      await keeps('fails', 'failing');
    });
  },
);
