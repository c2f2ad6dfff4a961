/** A list that is read again while a process opens files as fast as it can: what the kernel sends follows it. */

import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Event } from '../../../src/core/event.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { Run } from '../../../src/pipeline/run/run.ts';
import { recordedLog } from '../../core/shared.ts';
import { Actor, prepare, whyNot } from '../../native/harness.ts';
import { ManualSink, registryOf } from '../../pipeline/harness.ts';

/** Opens in one go, some 30 ms of them. */
const MANY = 5000;

describe.skipIf(whyNot())('a list that is read again', () => {
  let place: ReturnType<typeof prepare>;
  let actor: Actor;
  beforeAll(async () => {
    place = prepare();
    for (const name of ['old', 'both', 'fresh', 'outside']) writeFileSync(join(place.folder, name), 'x');
    actor = await Actor.start(place.program, place.folder);
  });
  afterAll(() => actor?.stop());

  async function started() {
    const rules = join(place.folder, 'rules.yaml');
    writeFileSync(
      rules,
      `- { list: far, items_from: { file: far.txt, refresh: 1s } }
- { rule: listed, desc: d, condition: 'evt.type in (open, openat) and fd.name in (far)', output: '%fd.name', priority: INFO }
`,
    );
    const yaml = `sources: { node: { type: ebpf, ring: 64MiB, scope: { descendants_of: ${actor.pid} } } }
operators: { detect: { type: rules, from: node, files: ${rules} } }
sinks: { out: { type: collect, from: detect, queue: { events: 1000000 } } }
`;
    const alerts = new Map<string, number>();
    const sink = new ManualSink();
    sink.write = async (events: readonly Event[]) => {
      for (const event of events) {
        const name = String(event.get('output')).slice(place.folder.length + 1);
        alerts.set(name, (alerts.get(name) ?? 0) + 1);
      }
    };
    const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registryOf({ sinks: { collect: sink } }));
    const run = await Run.start(plan, { log: recordedLog().log, resolve: String });
    const counter = (id: string, name: string, label: string) => run.metrics.get(id)?.byLabel(name)[label] ?? 0;
    return { run, alerts, counter };
  }

  test.each([
    ['few items, which are tested as if they stood in the rules', 0],
    ['many items, of which the kernel knows how they begin', 200],
  ])('%s', async (_, more) => {
    const others = Array.from({ length: more }, (_, index) => `/srv/${index % 5}/${index}`);
    const far = join(place.folder, 'far.txt');
    const list = (...names: string[]) =>
      writeFileSync(far, [...names.map((name) => join(place.folder, name)), ...others].join('\n'));
    const made = new Map<string, number>();
    const opens = async (...names: string[]) => {
      for (const name of names) {
        await actor.ask(`opens ${MANY} ${join(place.folder, name)}`);
        made.set(name, (made.get(name) ?? 0) + MANY);
      }
    };
    list('old', 'both');
    const { run, alerts, counter } = await started();
    const refreshed = () => counter('detect', 'list_refreshes', 'far');
    // What is lost never comes: it is told below, before the test's own time is over.
    const end = performance.now() + 40_000;
    const until = async (test: () => boolean) => {
      const hopeful = () => run.totals.summary().dropped === 0 && performance.now() < end;
      while (!test() && hopeful()) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    try {
      await opens('old', 'both', 'outside');
      await until(() => alerts.get('old') === MANY && alerts.get('both') === MANY);
      const before = refreshed();
      list('fresh', 'both');
      // The list is exchanged in the middle of opens. What is as it was counts as no refresh.
      while (refreshed() === before && performance.now() < end) {
        utimesSync(far, new Date(), new Date());
        await opens('both', 'outside');
      }
      await opens('fresh', 'both', 'old', 'outside');
      await until(() => alerts.get('fresh') === MANY && alerts.get('both') === made.get('both'));
    } finally {
      await run.stop(5000);
    }
    expect(refreshed()).toBe(1);
    expect(Object.fromEntries(alerts)).toEqual({ old: MANY, both: made.get('both'), fresh: MANY });
    // What no item names has stayed in the kernel throughout, and so has in the end what none names any more.
    const wanted = MANY + MANY + (made.get('both') ?? 0);
    expect(counter('node', 'kernel_sent', 'openat')).toBe(wanted);
    expect(counter('node', 'kernel_filtered', 'openat')).toBeGreaterThanOrEqual((made.get('outside') ?? 0) + MANY);
    expect(run.totals.summary()).toMatchObject({ dropped: 0 });
  });
});
