/** What a sink has given up, and what cannot be read on disk any more: in the books, in the log, and in sight until it is seen to. */

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, vi } from 'vitest';
import { books } from '../../src/cli/books.ts';
import { statusText } from '../../src/cli/status.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { prometheusText } from '../../src/pipeline/run/prometheus.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

const SPILLS = 'batch: 2, queue: { events: 2, when_full: spill }';

/** A run with a live source and the sink `siem`, on a state folder. */
async function running(delivery: string, folder = scratch()) {
  const [live, siem] = [new ManualSource(), new ManualSink()];
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { siem } });
  const retry = 'retry: { initial: 1ms, max: 1ms, give_up_after: 5ms }';
  const yaml = `sources: { live: { type: live } }\nsinks: { siem: { type: siem, from: live, ${retry}, ${delivery} } }`;
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const { log, lines } = recordedLog();
  const open = async () => {
    const store = await Store.open(folder, () => {});
    const run = await Run.start(plan, { log, resolve: String, store });
    const metric = (name: string) => prometheusText(run.status(), plan).match(new RegExp(`^${name}.*$`, 'gm')) ?? [];
    return { store, run, metric };
  };
  return { folder, live, siem, lines, open };
}

const advice = (folder: string) => `'falco-pipe dlq list --state ${folder}' lists them, 'dlq retry' delivers them`;

it('events that cannot be read on disk any more are in the books, named with their folder, and set aside as they are', async () => {
  const { folder, live, siem, lines, open } = await running(SPILLS);
  siem.write = () => new Promise(() => {});
  const first = await open();
  for (let n = 0; n < 5; n++) live.emit(2, 2 * n);
  expect(await first.run.stop(50)).toMatchObject({ seen: 10, spooled: 10, on_disk: 10 });
  await first.store.close();
  const database = new DatabaseSync(join(folder, 'state.db'));
  database.exec("UPDATE spool SET data = x'00112233' WHERE id % 2 = 0");
  const { lost } = database.prepare('SELECT sum(count) AS lost FROM spool WHERE id % 2 = 0').get() as { lost: number };
  database.close();
  expect(lost).toBeGreaterThan(1);

  siem.write = async () => {};
  const { run, store, metric } = await open();
  await vi.waitFor(() => expect(siem.got).toHaveLength(10 - lost), 20_000);
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ seen: lost, dead_lettered: lost }), 20_000);
  await store.committed();
  expect(books(run.totals.summary())).toBe(
    `seen ${lost}, delivered 0, filtered 0, dropped 0, delivered from disk ${10 - lost}, dead letters ${lost}`,
  );
  expect(metric('falco_pipe_delivered_from_disk_events_total')).toEqual([expect.stringMatching(` ${10 - lost}$`)]);
  const said = lines.filter((line) => line.includes('cannot be read any more'));
  const first2 = `2 events that waited in ${folder} for siem cannot be read any more: check that disk`;
  expect(said[0]).toContain(`error: siem: ${first2}; what is left of them is a dead letter: 'falco-pipe dlq list`);
  const status = run.status();
  expect(status.problems).toEqual([`${lost} events of the sink siem in dead letters: ${advice(folder)}`]);
  const text = statusText({ ...status, pid: 1, pipeline: 'p.yaml', state_folder: folder, uptime: 1 });
  expect(text).toMatch(new RegExp(`^siem +siem +\\d+ +${10 - lost} +0 +${lost} +0 `, 'm'));
  expect(metric('falco_pipe_events_total.fate="dead_lettered"')).toEqual([expect.stringMatching(` ${lost}$`)]);
  expect(metric('falco_pipe_dead_lettered_events_total.*siem.*unreadable')).toEqual([
    expect.stringMatching(` ${lost}$`),
  ]);
  const letters = await store.dead('siem');
  expect(await store.letter(letters[0]?.id ?? 0)).toBe('{"unreadable":"ABEiMw=="}');
  await run.stop(0);
  await store.close();
});

it('what is given up is said to be kept, where, and how it is delivered; a gauge has what is there now', async () => {
  const { folder, live, siem, lines, open } = await running('batch: 10');
  siem.write = () => Promise.reject(new Error('down'));
  const { run, store, metric } = await open();
  const gauge = () => metric('falco_pipe_dead_letter_events.*siem').map((line) => line.split(' ').at(-1));
  expect(gauge()).toEqual(['0']);
  live.emit(3);
  await vi.waitFor(() => expect(gauge()).toEqual(['3']), 20_000);
  expect(lines).toContain(
    `error: siem: gave up writing 3 events: down; they are now among the dead letters: ${advice(folder)}`,
  );
  expect(run.status().problems).toEqual([
    'sink siem: down',
    `3 events of the sink siem in dead letters: ${advice(folder)}`,
  ]);
  siem.write = () => Promise.reject(new WriteError('413', { permanent: true }));
  live.emit(1, 3);
  await vi.waitFor(() => expect(gauge()).toEqual(['4']), 20_000);
  expect(lines.at(-1)).toBe(`error: siem: 1 event was refused: 413; now among the dead letters: ${advice(folder)}`);
  siem.write = async () => {};
  run.exhumed(await store.exhume({}));
  await vi.waitFor(() => expect(siem.got).toHaveLength(4), 20_000);
  expect([gauge(), run.status().problems]).toEqual([['0'], []]);
  expect(books(run.totals.summary())).toBe(
    'seen 4, delivered 0, filtered 0, dropped 0, delivered from disk 4, dead letters 4',
  );
  expect(metric('falco_pipe_dead_lettered_events_total.*siem')).toHaveLength(2);
  await run.stop(0);
  await store.close();
});

it('what waited on disk and is refused then is in the books of the run that it is lost to', async () => {
  const { live, siem, open } = await running(SPILLS);
  siem.write = () => new Promise(() => {});
  const first = await open();
  for (let n = 0; n < 2; n++) live.emit(2, 2 * n);
  await first.run.stop(50);
  await first.store.close();
  siem.write = () => Promise.reject(new WriteError('413', { permanent: true }));
  const { run, store } = await open();
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ seen: 4, dead_lettered: 4 }), 20_000);
  await run.stop(0);
  await store.close();
});
