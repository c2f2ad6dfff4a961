/** What becomes of alerts that a server turns away: nothing is lost without a dead letter, or a count where there is no state. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { liveAck } from '../../src/core/ack.ts';
import type { Batch } from '../../src/core/batch.ts';
import { defineSource } from '../../src/core/component.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { builtIn } from '../../src/pipeline/registry.ts';
import { Run } from '../../src/pipeline/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { Receiver, until } from './servers.ts';
import { alertOf } from './shared.ts';

let folder: string;
let receiver: Receiver;
beforeEach(async () => {
  folder = scratch();
  writeFileSync(join(folder, 'token'), 'of yesterday\n');
  receiver = await Receiver.start();
});
afterEach(async () => {
  await receiver.stop();
});

const openStore = () =>
  Store.open(join(folder, 'state'), (error) => {
    throw error;
  });

/** Gives three alerts of a live source to a sink, waits for what becomes of them, and returns that. */
async function deliver({ retry = '200ms', store }: { retry?: string; store?: Store } = {}) {
  const alerts = new Subject<Batch>();
  const registry = builtIn();
  const common = { summary: 'For tests.', config: z.strictObject({}), examples: [] };
  const open = () => alerts;
  registry.add(
    defineSource({ ...common, type: 'alerts', delivery: 'at_most_once', emits: () => ['alert'], open }),
    'test',
  );
  const sink = {
    ...{ type: 'http', from: 'in', url: receiver.url, format: 'json_lines', bearer_token: { file: 'token' } },
    retry: { initial: '10ms', max: '50ms', give_up_after: retry },
  };
  const yaml = JSON.stringify({ sources: { in: { type: 'alerts' } }, sinks: { out: sink } });
  const plan = planPipeline(PipelineDocument.parse(join(folder, 'pipeline.yaml'), yaml), registry);
  const { log, lines } = recordedLog();
  const run = await Run.start(plan, { log, resolve: (path) => join(folder, path), ...(store ? { store } : {}) });
  const events = ['a', 'b', 'c'].map((rule) => alertOf(rule));
  alerts.next({ source: 'alert', form: recordForm, events, ack: liveAck });
  await until(() => run.totals.summary().in_flight === 0);
  const summary = await run.stop(1000);
  return { summary, said: lines.join('\n') };
}

/** The rules of the alerts that are dead letters of the sink, and why. */
async function letters(store: Store): Promise<{ rules: string[]; why: string[] }> {
  const dead = await store.dead('out');
  const texts = await Promise.all(dead.map(({ id }) => store.letter(id)));
  const lines = texts.flatMap((text) => (text ?? '').trim().split('\n'));
  const rules = lines.map((line) => JSON.parse(line).type as string);
  return { rules, why: dead.map(({ reason, message }) => `${reason}: ${message}`) };
}

it.each([401, 403])(
  'status %i waits for another credential: its file is read again, and nothing is lost',
  async (status) => {
    receiver.answer = ({ headers }) => {
      if (headers.authorization === 'Bearer of today') return {};
      writeFileSync(join(folder, 'token'), 'of today\n');
      return { status };
    };
    const { summary } = await deliver({ retry: '10s' });
    expect(summary).toMatchObject({ delivered: 3, dropped: 0 });
    expect(receiver.got.length).toBeGreaterThan(1);
  },
);

it.each([401, 403, 404, 409, 410, 429])('status %i that stays ends in dead letters, after retries', async (status) => {
  receiver.answer = () => ({ status, body: 'not you' });
  const store = await openStore();
  const { summary } = await deliver({ store });
  expect(summary).toMatchObject({ delivered: 0, dropped: 0, dead_lettered: 3 });
  expect(receiver.got.length).toBeGreaterThan(1);
  const { rules, why } = await letters(store);
  expect(rules.sort()).toEqual(['a', 'b', 'c']);
  expect(why).toEqual([expect.stringMatching(`^sink_failed: status ${status}: not you`)]);
  await store.close();
});

it.each([400, 413, 422])(
  'status %i ends in a dead letter at once: of that alert, not of its neighbours',
  async (status) => {
    receiver.answer = ({ body }) => (/"rule":"b"/.test(body) ? { status, body: 'no b here' } : {});
    const store = await openStore();
    const { summary, said } = await deliver({ store });
    expect(said).toContain(`1 event was refused: status ${status}`);
    expect(summary).toMatchObject({ delivered: 2, dropped: 0, dead_lettered: 1 });
    expect(await letters(store)).toEqual({ rules: ['b'], why: [`refused: status ${status}: no b here`] });
    await store.close();
  },
);

it.each([
  [403, 'sink_failed'],
  [422, 'refused'],
])('without a state folder status %i is counted and said', async (status, reason) => {
  receiver.answer = () => ({ status });
  const { summary, said } = await deliver();
  expect(summary).toMatchObject({ delivered: 0, dropped: 3, reasons: { [reason]: 3 } });
  expect(said).toContain(`status ${status}`);
});
