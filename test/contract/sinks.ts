/**
 * What every sink keeps to. The standard output of a test is not the test's own: its sink keeps to the same in a process
 * that is given one, `node sinks.ts stdout DEED`, which fails with what went wrong.
 */

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { SinkDefinition } from '../../src/core/component.ts';
import { UserError } from '../../src/core/errors.ts';
import { Counters } from '../../src/core/metrics.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import type { Run } from '../../src/pipeline/run/run.ts';
import { recordedLog } from '../core/shared.ts';
import { expectAnswered, Given, metricsOf, registryWith, SOON, started } from './running.ts';

/** The program of this file. */
export const self = fileURLToPath(import.meta.url);

interface Case {
  readonly definition: SinkDefinition;
  readonly config: object;
  /** Where its paths start. */
  readonly folder: string;
}

async function running({ definition: { type }, config, folder }: Case): Promise<{ run: Run; given: Given }> {
  const given = new Given();
  const pipeline = {
    sources: { in: { type: 'given_alerts' }, live: { type: 'live_alerts' } },
    sinks: { it: { type, from: ['in', 'live'], ...SOON, ...config } },
  };
  return { given, run: await started(pipeline, registryWith(given), folder) };
}

export const deeds = {
  /** Opens and closes without an event, also aborted while it opens. */
  async opens({ definition, config, folder }: Case): Promise<void> {
    const abort = new AbortController();
    const ctx = {
      ...{ id: 'it', signal: abort.signal, log: recordedLog().log, metrics: new Counters(), now: Date.now },
      ...{ sleep: async () => {}, stop: () => {}, resolve: (path: string) => resolve(folder, path) },
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
  },

  /** Takes events: each batch is delivered, and answered once. */
  async takes(of: Case): Promise<void> {
    const { run, given } = await running(of);
    for (let n = 0; n < 3; n++) given.give('alert');
    given.give('alert', true);
    await given.answered();
    expect(given.answers).toEqual([['delivered'], ['delivered'], ['delivered']]);
    await expectAnswered(run, given, 2000);
    expect(metricsOf(run)).toMatchObject({ delivered_events_total: 12, queue_events: 0, component_up: 1 });
  },

  /** Takes none: what can come again fails, the rest is dropped; once, also at a stop. */
  async fails(of: Case): Promise<void> {
    const { run, given } = await running(of).catch((error: unknown) => {
      // It may refuse to open; then there is nothing to answer.
      expect(error).toBeInstanceOf(UserError);
      return { run: undefined, given: undefined };
    });
    if (!run) return;
    given.give('alert');
    while (metricsOf(run).component_up !== 0) {
      // The pipe to a program takes what is written before the program has ended.
      if (of.definition.type === 'program' && given.answers.at(-1)?.[0] === 'delivered') given.give('alert');
      await new Promise((done) => setTimeout(done, 20));
    }
    // It is tried again for as long as the run lasts.
    expect(given.answers.at(-1)).toEqual([]);
    expect(metricsOf(run)).toMatchObject({ errors_total: expect.any(Number), queue_bytes: 0, component_up: 0 });
    given.give('alert', true);
    given.give('alert');
    await expectAnswered(run, given);
    expect(given.answers.slice(-2)).toEqual([['failed'], ['failed']]);
    expect(metricsOf(run)).toMatchObject({ dropped_events_total: 3 });
  },
};

if (process.argv[1] === self) {
  const [, , type = '', deed = ''] = process.argv;
  const definition = builtIn().sinks.get(type) as SinkDefinition;
  await deeds[deed as keyof typeof deeds]({ definition, config: {}, folder: '/' });
}
