import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineOperator, expand } from '../../../src/core/component.ts';
import type { Event, Held } from '../../../src/core/event.ts';
import { EventRecord } from '../../../src/events/record.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { Run } from '../../../src/pipeline/run/run.ts';
import { recordedAck, recordedLog, tick } from '../../core/shared.ts';
import { ManualSink, ManualSource, registryOf } from '../harness.ts';

const PIPELINE = `sources: { in: { type: manual } }
operators: { wait: { type: waiting, from: in } }
sinks: { out: { type: collect, from: wait }, all: { type: collect2, from: in } }
`;

/** Odd numbers wait until they are let go, and then become their tenfold; those above 100 become nothing. */
class Gate {
  readonly #waiting: (() => void)[] = [];

  held(event: Event): Held {
    const ready = new Promise<void>((resolve) => void this.#waiting.push(resolve));
    const number = Number(event.get('n'));
    return {
      source: event.source,
      type: event.type,
      time: event.time,
      get: (field) => event.get(field),
      ready,
      resume(emit) {
        if (number === 13) throw new Error('unlucky');
        if (number <= 100) emit(new EventRecord(event.source, event.type, event.time, { n: number * 10 }));
      },
    };
  }

  open(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

async function started() {
  const gate = new Gate();
  const input = new ManualSource();
  const sinks = { collect: new ManualSink(), collect2: new ManualSink() };
  const registry = registryOf({ sources: { manual: () => input.input }, replayable: ['manual'], sinks });
  registry.add(
    defineOperator({
      type: 'waiting',
      summary: 'For tests.',
      config: z.strictObject({}),
      examples: [],
      holds: true,
      create: () =>
        expand((event, emit, hold) => {
          if (Number(event.get('n')) % 2 === 1) hold?.(gate.held(event));
          else emit(event);
        }),
    }),
    'test',
  );
  const { log, lines } = recordedLog();
  const plan = planPipeline(PipelineDocument.parse('test.yaml', PIPELINE), registry);
  const run = await Run.start(plan, { log, resolve: String });
  return { gate, input, run, lines, out: sinks.collect, all: sinks.collect2 };
}

describe('Held events', () => {
  it('let the others go on, follow when they are ready, and settle the batch only then', async () => {
    const { gate, input, run, out, all } = await started();
    const ack = recordedAck();
    input.emit(4, 1, ack);
    await tick();
    await tick();
    expect([out.got, all.got]).toEqual([
      [2, 4],
      [1, 2, 3, 4],
    ]);
    expect(ack.settled).toEqual([]);
    expect(run.totals.summary()).toMatchObject({ seen: 4, delivered: 0, in_flight: 4 });
    gate.open();
    await run.stop();
    expect(out.got).toEqual([2, 4, 10, 30]);
    expect(ack.settled).toEqual([['delivered', undefined]]);
    expect(run.totals.summary()).toMatchObject({ seen: 4, delivered: 4, in_flight: 0 });
    expect(run.metrics.get('wait')?.total('held')).toBe(2);
    expect(run.metrics.get('wait')?.total('received')).toBe(4);
    expect(run.metrics.get('wait')?.total('sent')).toBe(4);
  });

  it('that become nothing are filtered; one that throws is lost alone, and said', async () => {
    const { gate, input, run, out, lines } = await started();
    const ack = recordedAck();
    for (const number of [101, 13, 5]) input.emit(1, number, ack);
    gate.open();
    await run.stop();
    expect(out.got).toEqual([50]);
    expect(run.totals.summary()).toMatchObject({ seen: 3, in_flight: 0 });
    expect(lines.join('\n')).toContain('unlucky');
  });

  it('do not outlast a stop: they go on as they are', async () => {
    const { input, run, out } = await started();
    input.emit(3, 1);
    await run.stop(1000);
    expect(out.got.toSorted()).toEqual([10, 2, 30]);
    expect(run.totals.summary()).toMatchObject({ seen: 3, delivered: 3, in_flight: 0 });
  });

  it('are bounded: beyond that none waits', async () => {
    const { gate, input, run, out } = await started();
    for (let batch = 0; batch < 101; batch++) input.emit(200, 1);
    for (let turn = 0; turn < 20; turn++) await tick();
    // Half of 20,200 events are odd: 10,000 wait, the last 100 went on.
    expect(run.metrics.get('wait')?.total('held')).toBe(10_000);
    expect(out.got.filter((number) => Number(number) % 20 === 10).length).toBeGreaterThan(0);
    gate.open();
    await run.stop();
    expect(run.totals.summary()).toMatchObject({ in_flight: 0 });
  });
});
