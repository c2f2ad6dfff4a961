import { EMPTY, mergeMap, Observable } from 'rxjs';
import { beforeEach, expect, it, vi } from 'vitest';
import { type OperatorContext, type SourceContext, stream } from '../../../src/core/component.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import { Redelivery } from '../../../src/core/flow/redelivery.ts';
import { recordForm } from '../../../src/events/record.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { Run } from '../../../src/pipeline/run/run.ts';
import { Store } from '../../../src/store/store.ts';
import { eventsOf, recordedLog } from '../../core/shared.ts';
import { scratch } from '../../scratch.ts';
import { ManualSink, registryOf } from '../harness.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
});

/** Emits ten numbers from where it stood on, and then nothing. */
const ten = (ctx: SourceContext) =>
  new Observable<Batch>((subscriber) => {
    const delivery = new Redelivery((batch) => subscriber.next(batch), ctx);
    const from = Number(ctx.position() ?? 0);
    for (let n = from; n < from + 10; n++) {
      delivery.emit({ source: 'syscall', form: recordForm, events: eventsOf(1, n) }, n + 1);
    }
  });

const YAML = `sources: { src: { type: ten } }
operators: { sum: { type: sum, from: src } }
sinks: { out: { type: out, from: sum } }`;

/** Runs until ten more numbers are summed up; returns the sum. */
async function tenMore(): Promise<number> {
  const store = await Store.open(folder, (error) => {
    throw error;
  });
  let sum = 0;
  let count = 0;
  const summing = (ctx: OperatorContext) => {
    sum = Number(ctx.saved() ?? 0);
    const absorb = ctx.keep(() => sum);
    return stream((batches) =>
      batches.pipe(
        mergeMap(({ events, ack }) => {
          sum += Number(events.at(0)?.get('n'));
          count++;
          absorb(ack);
          return EMPTY;
        }),
      ),
    );
  };
  const registry = registryOf({
    sources: { ten },
    replayable: ['ten'],
    operators: { sum: summing },
    sinks: { out: new ManualSink() },
  });
  const plan = planPipeline(PipelineDocument.parse('test.yaml', YAML), registry);
  const run = await Run.start(plan, { log: recordedLog().log, resolve: String, store });
  await vi.waitFor(() => expect(count).toBe(10), 20_000);
  expect(run.totals.summary().in_flight).toBe(10);
  const summary = await run.stop(2000);
  await store.close();
  expect(summary).toMatchObject({ seen: 10, filtered: 10, in_flight: 0 });
  return sum;
}

it('state and position are kept together: each event counts once, whatever the number of starts', async () => {
  expect(await tenMore()).toBe(45);
  expect(await tenMore()).toBe(190);
  expect(await tenMore()).toBe(435);
});
