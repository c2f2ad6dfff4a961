/** A part of a pipeline by itself does what it does in the whole. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Bench } from '../../src/testing/pipeline-tests/bench.ts';
import { reaches } from '../../src/testing/pipeline-tests/isolate.ts';

/** Each operator reads from one or more of what stands before it: `s0`, `s1`, `o0`, … */
const graphs = fc
  .integer({ min: 1, max: 6 })
  .chain((count) =>
    fc.tuple(...Array.from({ length: count }, (_, index) => fc.uniqueArray(fc.nat(index + 1), { minLength: 1 }))),
  );

const idOf = (place: number) => (place < 2 ? `s${place}` : `o${place - 2}`);

/** In how many ways an event that goes into one comes out of another: it comes once for each. */
function ways(graph: readonly (readonly number[])[], into: number, out: number): number {
  if (into === out) return 1;
  if (out < 2) return 0;
  return (graph[out - 2] ?? []).reduce((sum, origin) => sum + ways(graph, into, origin), 0);
}

test('whatever the pipeline, an event that goes into a component leaves another as often as in the whole', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.nat(), fc.nat(), fc.nat(), async (graph, first, second, third) => {
      const places = graph.length + 2;
      const into = [...new Set([first % places, second % places])];
      const out = 2 + (third % graph.length);
      const operators = graph.map((from, index) => [
        idOf(index + 2),
        { type: 'filter', from: from.map(idOf), condition: 'evt.type = openat' },
      ]);
      const value = {
        sources: { s0: { type: 'ebpf' }, s1: { type: 'ebpf' } },
        operators: Object.fromEntries(operators),
        sinks: { all: { type: 'stdout', from: Array.from({ length: places }, (_, place) => idOf(place)) } },
      };
      const document = PipelineDocument.parse('p.yaml', JSON.stringify(value));
      const plan = planPipeline(document, builtIn());
      const ids = into.map(idOf);
      const expected = into.reduce((sum, place) => sum + ways(graph, place, out), 0);
      expect(reaches(ids, idOf(out), plan)).toBe(expected > 0);
      if (expected === 0) return;
      const bench = await Bench.open(
        { document, plan, registry: builtIn() },
        { into: ids, from: [idOf(out)] },
        new Map(),
      );
      const event = new EventRecord('syscall', 'openat', 0n, {});
      const events = ids.map((id) => ({ event, form: recordForm as never, at: 0, into: id }));
      const test = { name: 'n', line: 1, events, until: 0, expect: new Map() };
      const { left, reports } = await bench.run(test, new AbortController().signal);
      expect(reports).toEqual([]);
      expect(left.get(idOf(out))).toHaveLength(expected);
    }),
    { numRuns: 60 },
  );
});
