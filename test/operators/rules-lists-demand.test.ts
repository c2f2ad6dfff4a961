/** Lists that are read again while a source leaves out what nothing wants: what it leaves out raises no alert, at any moment. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Demands, SourceContext } from '../../src/core/component.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { recordedLog } from '../core/shared.ts';
import { type Opened, passes } from '../native/filter-model.ts';
import { ManualSink, ManualSource, registryOf } from '../pipeline/harness.ts';
import { opened } from '../rules/generated-opens.ts';
import { bench, recordOf } from '../rules/judged-opens.ts';
import { scratch } from '../scratch.ts';

// Only the time that operators wait: files are read and written meanwhile.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const folder = scratch();
const conditions = [
  'fd.name in (far)',
  'fd.name in (/etc/shadow, far)',
  'fd.name pmatch (far)',
  'fd.realpath startswith anyof (far)',
  'fd.directory in (far) and proc.name in (near)',
  'fd.filename in (near) and evt.is_open_read = true',
];
const rules = (some: readonly string[]) =>
  ['far', 'near']
    .map((name) => `- { list: ${name}, items_from: { file: ${name}.txt, refresh: 1s } }\n`)
    .concat(
      some.map(
        (condition, index) =>
          `- { rule: r${index}, desc: d, condition: 'evt.type in (open, openat) and ${condition}', output: o, priority: INFO }\n`,
      ),
    )
    .join('');
const yaml = `sources: { on: { type: on }, off: { type: off } }
operators:
  detect: { type: rules, from: [on, off], files: ${join(folder, 'rules.yaml')} }
  other: { type: rules, from: [on, off], files: ${join(folder, 'other.yaml')} }
sinks: { out: { type: out, from: [detect, other] } }
`;

const word = fc.constantFrom('etc', 'shadow', '.ssh', 'id', 'home', 'u', 'sud', 'bash', 'sh');
const path = fc.array(word, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
/** Few items, which are judged as if they stood in the rules, or many. */
const items = (item: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.array(item, { minLength: 1, maxLength: 4 }), fc.constantFrom(0, 100))
    .map(([some, more]) => [...some, ...Array.from({ length: more }, (_, n) => `/data/${n % 3}/${n}`)].join('\n'));
type Happening = { readonly far: string } | { readonly near: string } | 'reload' | 'refresh';
const FIRST = { far: '/etc', near: 'id' };
// What was there before may come again.
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ far: fc.oneof(items(path), fc.constant(FIRST.far)) }),
  fc.record({ near: fc.oneof(items(word), fc.constant(FIRST.near)) }),
  fc.constantFrom('reload', 'refresh', 'refresh', 'refresh'),
);

const put = (name: string, text: string) => writeFileSync(join(folder, name), text);

/** A run of these rules, and a source of opens that leaves out what the run does not want, beside one that does not. */
async function started() {
  const [on, off] = [new ManualSource(), new ManualSource()];
  let demand: Demands = new Map();
  const open = (ctx: SourceContext) => {
    demand = ctx.demand;
    ctx.onDemand((next) => (demand = next));
    return on.input;
  };
  const registry = registryOf({ sources: { on: open, off: () => off.input }, sinks: { out: new ManualSink() } });
  const planned = () => planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const run = await Run.start(planned(), { log: recordedLog().log, resolve: String });
  const matches = () =>
    ['detect', 'other'].map((id) => run.metrics.get(id)?.byLabel('matches') ?? {}).map((counts) => ({ ...counts }));
  const emit = ({ input }: ManualSource, opens: readonly Opened[]) => {
    const before = matches();
    if (opens.length > 0) {
      const events = bench.slab(...opens.map(recordOf));
      input.next({ source: 'syscall', form: kernelForm, events, ack: liveAck });
      events.release();
    }
    return matches().map((counts, index) =>
      Object.entries(counts).map(([rule, count]) => `${rule}: ${count - (before[index]?.[rule] ?? 0)}`),
    );
  };
  const wanted = (each: Opened) => passes(demand.get('syscall')?.where?.get('openat') ?? [{}], each);
  /** The same opens from both: returns how many were left out, and what alerts there were. */
  const openBoth = (opens: readonly Opened[]) => {
    const sent = opens.filter(wanted);
    const found = emit(on, sent);
    expect(found).toEqual(emit(off, opens));
    return { leftOut: opens.length - sent.length, alerts: found.flat().filter((text) => !text.endsWith(': 0')).length };
  };
  const refreshes = () =>
    ['detect', 'other'].flatMap((id) => Object.values(run.metrics.get(id)?.byLabel('list_refreshes') ?? {}));
  return {
    run,
    open: openBoth,
    reload: () => run.reload(planned()),
    refreshes: () => refreshes().reduce((a, b) => a + b, 0),
  };
}

test('what is left out in the kernel raises no alert, while lists are exchanged and rules loaded anew', async () => {
  const seen = { leftOut: 0, alerts: 0, refreshes: 0 };
  put('other.yaml', rules(conditions.slice(4, 6)));
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(conditions, { minLength: 1, maxLength: 3 }),
      fc.array(happening, { minLength: 3, maxLength: 8 }),
      fc.array(opened, { minLength: 10, maxLength: 20 }),
      async (some, happenings, opens) => {
        put('rules.yaml', rules(some));
        put('far.txt', FIRST.far);
        put('near.txt', FIRST.near);
        const { run, open, reload, refreshes } = await started();
        const pending: Promise<unknown>[] = [];
        try {
          for (const each of happenings) {
            if (each === 'reload') pending.push(reload());
            else if (each === 'refresh') vi.advanceTimersByTime(1000);
            else if ('far' in each) put('far.txt', each.far);
            else put('near.txt', each.near);
            // Opens come at every turn of the event loop, so at every moment of an exchange.
            const before = refreshes();
            const isOver = () => each !== 'refresh' || refreshes() > before;
            for (let turn = 0; turn < 30 || (turn < 300 && !isOver()); turn++) {
              await new Promise((resolve) => setImmediate(resolve));
              const { leftOut, alerts } = open(opens);
              seen.leftOut += leftOut;
              seen.alerts += alerts;
            }
          }
          await Promise.all(pending);
        } finally {
          seen.refreshes += refreshes();
          await run.stop(0);
        }
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
  expect(seen.refreshes).toBeGreaterThan(5);
  expect(seen.leftOut).toBeGreaterThan(4000);
  expect(seen.alerts).toBeGreaterThan(300);
});
