/** A rule that throws: the others judge, and the event is kept, said and counted, for it was not judged whole. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { liveAck } from '../../src/core/flow/ack.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { prometheusText } from '../../src/pipeline/run/prometheus.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

const RULES = ['fd.name startswith /etc', 'proc.name = cat', 'fd.name contains shadow'].map((condition, index) => ({
  rule: `R${index}`,
  desc: 'd',
  condition: `evt.type = open and ${condition}`,
  output: 'by %proc.name',
  priority: 'WARNING',
}));

/** A value that can be written down, and that no condition can compare. */
const ODD = Object.assign(['odd'], {
  toString() {
    throw new Error('crafted');
  },
}) as unknown as string;

async function running(withStore: boolean, matching = 'all') {
  const folder = scratch();
  writeFileSync(join(folder, 'rules.yaml'), JSON.stringify(RULES));
  const [source, out] = [new ManualSource(), new ManualSink()];
  const got: unknown[] = [];
  out.write = async (events) => void got.push(...events.map((event) => event.get('rule')));
  const registry = registryOf({ sources: { src: () => source.input }, sinks: { out } });
  const yaml = `sources: { src: { type: src } }
operators: { detect: { type: rules, from: src, files: ${join(folder, 'rules.yaml')}, matching: ${matching} } }
sinks: { out: { type: out, from: detect } }`;
  const { log, lines } = recordedLog();
  const store = withStore ? await Store.open(folder, () => {}) : undefined;
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const run = await Run.start(plan, { log, resolve: String, ...(store ? { store } : {}) });
  const emit = (...names: string[]) => {
    const events = names.map((name) => new EventRecord('syscall', 'open', 1n, { 'proc.name': 'cat', 'fd.name': name }));
    source.input.next({ source: 'syscall', form: recordForm, events, ack: liveAck });
  };
  const end = async () => {
    const summary = await run.stop(1000);
    await store?.close();
    return summary;
  };
  const metrics = () => prometheusText(run.status(), plan);
  return { emit, run, store, lines, got, end, metrics };
}

const SAID = 'detect failed on an event of type open: rule "R0" failed: crafted';

describe('an event on which a rule fails', () => {
  it('is judged by the others, and a dead letter where there is a state folder', async () => {
    const { emit, run, store, lines, got, end, metrics } = await running(true);
    emit('/tmp/x', ODD, '/etc/x');
    await vi.waitFor(
      () => expect(run.totals.summary()).toMatchObject({ seen: 3, dead_lettered: 1, dropped: 0 }),
      20_000,
    );
    await vi.waitFor(() => expect(got).toEqual(['R1', 'R1', 'R0', 'R1']), 20_000);
    expect(lines).toEqual([`error: detect: ${SAID}; it is a dead letter`]);
    const [letter, ...others] = (await store?.dead('operator detect')) ?? [];
    expect([letter?.reason, letter?.message, letter?.count, others.length]).toEqual([
      'operator_error',
      SAID.slice(SAID.indexOf('rule')),
      1,
      0,
    ]);
    const page = metrics();
    for (const rule of ['R0', 'R2']) {
      expect(page).toMatch(new RegExp(`^falco_pipe_rule_errors_total\\{.*rule="${rule}"\\} 1$`, 'm'));
    }
    expect(page).toMatch(/^falco_pipe_errors_total\{component_id="detect".*what=""\} 1$/m);
    await end();
  });

  it('is counted as dropped where there is none', async () => {
    const { emit, lines, got, end } = await running(false);
    emit(ODD, '/tmp/x', ODD);
    const { seen, delivered, dropped, reasons } = await end();
    expect({ seen, delivered, dropped, reasons }).toEqual({
      seen: 3,
      delivered: 1,
      dropped: 2,
      reasons: { operator_error: 2 },
    });
    expect(got).toEqual(['R1', 'R1', 'R1']);
    expect(lines[0]).toBe(`error: detect: ${SAID}`);
  });

  it('with `matching: first` too, whichever rule is raised instead', async () => {
    const { emit, got, end } = await running(true, 'first');
    emit(ODD);
    expect(await end()).toMatchObject({ seen: 1, dead_lettered: 1 });
    expect(got).toEqual(['R1']);
  });
});
