/** Rules on kernel events whose container is still being looked up. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import type { Container, ContainerEntry } from '../../src/events/containers/container.ts';
import { ContainerTable } from '../../src/events/containers/table.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { recordedLog, tick } from '../core/shared.ts';
import { containerOf } from '../events/containers/shared.ts';
import { Bench, type Fields } from '../events-kernel/slab-writer.ts';
import { ManualSink, ManualSource, registryOf } from '../pipeline/harness.ts';
import { scratch } from '../scratch.ts';

const ID = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';
const folder = scratch();

const RULES = `
- rule: any file
  desc: d
  condition: evt.type = openat and fd.name = /data
  output: opened %fd.name
  priority: NOTICE
- rule: of an image
  desc: d
  condition: evt.type = openat and fd.name = /data and container.image.repository = shop/web
  output: opened %fd.name by %proc.name in %container.name (%container.pending)
  priority: NOTICE
- rule: of no image that is trusted
  desc: d
  condition: evt.type = openat and fd.name = /data and not container.image.repository in (shop/web)
  output: opened %fd.name in %container.id
  priority: NOTICE
- rule: shows the name
  desc: d
  condition: evt.type = openat and fd.name = /data
  output: in %container.name
  priority: NOTICE
`;

const PREFIX = `
- rule: of images
  desc: d
  condition: evt.type = openat and fd.name = /data and container.image.repository startswith shop
  output: opened %fd.name
  priority: NOTICE
`;

const process = { tgid: 100, tid: 100, ppid: 1, start: 50, exec_id: 3, comm: 'cat', exe_path: '/bin/cat', cwd: '/' };
const inside = { ...process, cgroup_path: `/docker/${ID}` };
const open = (raw: string): Fields => ({ ...process, kind: 'open', nr: 257, ret: 3, dirfd: -100, raw, base: '/' });

async function started(wait: number, more = '') {
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, RULES + more);
  const yaml = `sources: { in: { type: manual } }
operators: { detect: { type: rules, from: in, files: ${file} } }
sinks: { out: { type: collect, from: detect } }
`;
  const input = new ManualSource();
  const alerts: string[] = [];
  const sink = new ManualSink();
  sink.write = async (events: readonly Event[]) =>
    void alerts.push(...events.map((event) => `${event.get('rule')}: ${event.get('output')}`));
  const registry = registryOf({ sources: { manual: () => input.input }, sinks: { collect: sink } });
  const { log } = recordedLog();
  const run = await Run.start(planPipeline(PipelineDocument.parse('test.yaml', yaml), registry), {
    log,
    resolve: String,
  });
  let entry: ContainerEntry | undefined;
  const containers = new ContainerTable((added) => {
    entry = added;
    added.asked(wait);
  });
  const bench = new Bench({ containers }).load(inside);
  const give = (...fields: Fields[]) => {
    const events = bench.slab(...fields);
    input.input.next({ source: 'syscall', form: kernelForm, events, ack: liveAck });
    events.release();
  };
  const answer = (container: Container | undefined) => (entry as ContainerEntry).answered(container);
  return { run, give, answer, alerts };
}

const settle = async () => {
  for (let turn = 0; turn < 5; turn++) await tick();
};

afterEach(() => void vi.useRealTimers());

describe('Rules on events of a container that is still looked up', () => {
  it('raise at once what does not depend on it, and the rest when it has come', async () => {
    const { run, give, answer, alerts } = await started(60_000);
    give(open('/data'), open('/other'));
    await settle();
    expect(alerts).toEqual(['any file: opened /data']);
    answer(containerOf({ id: ID, name: 'web', image: 'shop/web:1' }));
    await settle();
    expect(alerts.slice(1)).toEqual(['of an image: opened /data by cat in web (false)', 'shows the name: in web']);
    give(open('/data'));
    await settle();
    expect(alerts.slice(3)).toEqual([
      'any file: opened /data',
      'of an image: opened /data by cat in web (false)',
      'shows the name: in web',
    ]);
    await run.stop();
    expect(run.totals.summary()).toMatchObject({ seen: 3, filtered: 1, delivered: 2, in_flight: 0 });
  });

  it('judge without it when it takes too long, and say so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { run, give, answer, alerts } = await started(500);
    give(open('/data'));
    vi.advanceTimersByTime(499);
    await settle();
    expect(alerts).toEqual(['any file: opened /data']);
    vi.advanceTimersByTime(1);
    await settle();
    expect(alerts.slice(1)).toEqual([
      'of no image that is trusted: opened /data in 3ad7b26ded6d',
      'shows the name: in <NA>',
    ]);
    answer(containerOf({ id: ID, name: 'late', image: 'other' }));
    give(open('/data'));
    await settle();
    expect(alerts.at(-1)).toBe('shows the name: in late');
    vi.useRealTimers();
    await run.stop();
  });

  it('no runtime knows it: judged without', async () => {
    const { run, give, answer, alerts } = await started(60_000);
    give(open('/data'));
    answer(undefined);
    await settle();
    expect(alerts.at(-1)).toBe('shows the name: in <NA>');
    await run.stop();
  });

  it('one that fails then costs the others nothing, and the event is not passed off as judged', async () => {
    const { run, give, answer, alerts } = await started(60_000, PREFIX);
    give(open('/data'));
    const repository = Object.assign(['odd'], {
      toString() {
        throw new Error('crafted');
      },
    });
    const { image, ...rest } = containerOf({ id: ID, name: 'web' });
    answer({ ...rest, image: { ...image, repository: repository as unknown as string } });
    await settle();
    expect(alerts.at(0)).toBe('any file: opened /data');
    expect(alerts.at(-1)).toBe('shows the name: in web');
    await run.stop();
    expect(Object.keys(run.metrics.get('detect')?.byLabel('rule_errors') ?? {})).toEqual(['of images']);
    expect(run.metrics.get('detect')?.byLabel('dropped')).toEqual({ operator_error: 1 });
    expect(run.totals.summary()).toMatchObject({ seen: 1, dropped: 1, in_flight: 0 });
  });
});
