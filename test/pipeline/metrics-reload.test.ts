/** Counters that are served never go back, whatever a reload takes away, brings back or makes anew. */

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SourceContext } from '../../src/core/component.ts';
import { where } from '../../src/core/component.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { prometheusText } from '../../src/pipeline/run/prometheus.ts';
import { ManualSink, ManualSource } from './harness.ts';
import { flush, running, stopped } from './reloading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The samples of counters on a page, by name and labels. */
function countersOn(page: string): Map<string, number> {
  const types = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const samples = page.split('\n').filter((line) => types.get(/^\w+/.exec(line)?.[0] ?? '') === 'counter');
  return new Map(samples.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)?.[0])]));
}

const part = fc.record({ even: fc.boolean(), more: fc.boolean(), batch: fc.constantFrom(1, 10), events: fc.nat(9) });

it('over any reloads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 2, maxLength: 8 }), async (steps) => {
      const source = new ManualSource();
      const [out, more] = [new ManualSink(), new ManualSink()];
      more.write = (events) => Promise.reject(new WriteError('no', { refused: events.slice(1), again: [] }));
      let ctx!: SourceContext;
      const open = (given: SourceContext) => {
        ctx = given;
        return source.input;
      };
      const even = () =>
        where((event) => {
          const n = Number(event.get('n'));
          if (n === 3) throw new Error('three');
          return n % 2 === 0;
        });
      const yaml = ({ even: filters, more: has, batch }: (typeof steps)[number]) => `sources: { src: { type: src } }
${filters ? 'operators: { ev: { type: even, from: src } }' : ''}
sinks:
  out: { type: out, from: ${filters ? 'ev' : 'src'}, batch: ${batch} }
  ${has ? 'more: { type: more, from: src }' : ''}
`;
      const parts = { sources: { src: open }, operators: { even }, sinks: { out, more } };
      const { run, reload } = await running(yaml(steps[0] as (typeof steps)[number]), parts);
      const highest = new Map<string, number>();
      const look = () => {
        for (const [sample, value] of countersOn(prometheusText(run.status(), run.plan))) {
          expect([sample, value]).toEqual([sample, Math.max(value, highest.get(sample) ?? 0)]);
          highest.set(sample, value);
        }
      };
      for (const step of steps) {
        await reload(yaml(step));
        look();
        source.emit(step.events);
        ctx.report('drop', { reason: 'ring_full', count: 1, message: 'the ring was full' });
        await flush();
        look();
      }
      expect(highest.get('falco_pipe_events_total{fate="dropped"}')).toBeGreaterThanOrEqual(steps.length);
      await stopped(run);
    }),
    { numRuns: 40 },
  );
});
