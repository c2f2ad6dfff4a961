/** What a run says of itself at its end goes out through its sinks, before they close. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SourceContext } from '../../src/core/component.ts';
import type { Event } from '../../src/core/event.ts';
import { ManualSink, ManualSource, start } from './harness.ts';
import { flush, stopped } from './reloading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A sink that remembers what internal events said: type, reason and count, and of a heartbeat what was seen and dropped. */
function hearing() {
  const sink = new ManualSink();
  const heard: string[] = [];
  sink.write = async (events: readonly Event[]) => {
    for (const event of events.filter(({ source }) => source === 'internal')) {
      const names = event.type === 'heartbeat' ? ['seen', 'dropped'] : ['component', 'reason', 'count'];
      heard.push([event.type, ...names.map((name) => event.get(`internal.${name}`))].join(' '));
    }
  };
  return { sink, heard };
}

describe('at the end of a run', () => {
  it('all drops of sources are told, also those that are said together, and then the books', async () => {
    const source = new ManualSource();
    const { sink, heard } = hearing();
    let ctx!: SourceContext;
    const open = (given: SourceContext) => {
      ctx = given;
      ctx.signal.addEventListener('abort', () => lose(30));
      return source.input;
    };
    const lose = (count: number) => ctx.report('drop', { reason: 'ring_full', count, message: 'the ring was full' });
    const yaml = `sources: { src: { type: src }, self: { type: internal } }
sinks: { out: { type: out, from: [src, self] } }`;
    const { run } = await start(yaml, { sources: { src: open }, sinks: { out: sink } });
    for (const count of [1, 10, 100]) lose(count);
    await flush();
    expect(heard).toEqual(['drop src ring_full 1']);
    await stopped(run);
    expect(heard).toEqual(['drop src ring_full 1', 'drop src ring_full 140', 'heartbeat 143 141']);
  });

  it('what a sink lost is told to the others, also when that took all the time there was', async () => {
    const source = new ManualSource();
    const { sink, heard } = hearing();
    const down = new ManualSink();
    down.write = () => new Promise(() => {});
    const yaml = `sources: { src: { type: src }, self: { type: internal } }
operators: { lasting: { type: filter, from: self, condition: internal.component exists } }
sinks: { down: { type: down, from: src }, out: { type: out, from: lasting } }`;
    const { run } = await start(yaml, { sources: { src: () => source.input }, sinks: { down, out: sink } });
    source.emit(3);
    await stopped(run);
    expect(heard).toEqual(['drop down stopped 3', 'heartbeat 4 3']);
  });

  it('it ends all the same when nobody listens', async () => {
    const source = new ManualSource();
    const down = new ManualSink();
    down.write = () => new Promise(() => {});
    const yaml = `sources: { src: { type: src }, self: { type: internal } }
sinks: { a: { type: down, from: src }, b: { type: down, from: [src, self] } }`;
    const { run } = await start(yaml, { sources: { src: () => source.input }, sinks: { down } });
    source.emit(3);
    const summary = await stopped(run);
    expect([summary.dropped, down.closed]).toEqual([5, 2]);
  });
});
