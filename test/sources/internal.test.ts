import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Batch } from '../../src/core/flow/batch.ts';
import type { Report } from '../../src/core/report.ts';
import { internal } from '../../src/sources/internal.ts';
import { contextFor } from './ebpf/support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The source with what it emitted. */
function open(config: object = {}) {
  const listeners = new Set<(report: Report) => void>();
  const ctx = {
    ...contextFor({ fields: new Set(), types: 'all' }),
    reject: () => {},
    trouble: () => {},
    onStop: () => () => {},
    books: () => ({ seen: 7, delivered: 1, filtered: 5, dropped: 1, pipeline: 'sha256:abc' }),
    reports: (listener: (report: Report) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const events: unknown[] = [];
  const subscription = internal.open(internal.config.parse(config), ctx).subscribe((batch: Batch) => {
    events.push(batch.events.at(0));
  });
  const tell = (report: Report) => {
    for (const listener of listeners) listener(report);
  };
  return { events, tell, listeners, stop: () => subscription.unsubscribe() };
}

describe('the source internal', () => {
  it('makes events of what components report', () => {
    const { events, tell, stop } = open();
    tell({
      component: 'node',
      type: 'drop',
      fields: { reason: 'ring_full', count: 3, event_type: 'open', message: 'lost' },
    });
    expect(events).toMatchObject([
      {
        type: 'drop',
        fields: {
          'internal.component': 'node',
          'internal.reason': 'ring_full',
          'internal.count': 3,
          'internal.event_type': 'open',
          'internal.message': 'lost',
        },
      },
    ]);
    stop();
  });

  it('has since when and until when nothing was seen', () => {
    const { events, tell, stop } = open();
    const span = { from: 1_772_446_501_000_000_001n, to: 1_772_446_502_000_000_000n };
    tell({ component: 'tail', type: 'gap', fields: { reason: 'reconnect', ...span, message: 'm' } });
    expect(events).toMatchObject([{ type: 'gap', fields: { 'internal.from': span.from, 'internal.to': span.to } }]);
    stop();
  });

  it('says every 30 seconds that it is alive, with the books and the digest of the pipeline', () => {
    const { events, listeners, stop } = open();
    vi.advanceTimersByTime(29_999);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(30_001);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({
      type: 'heartbeat',
      fields: {
        'internal.seen': 7,
        'internal.delivered': 1,
        'internal.filtered': 5,
        'internal.dropped': 1,
        'internal.pipeline': 'sha256:abc',
        'internal.message': 'alive: seen 7, delivered 1, filtered 5, dropped 1, pipeline sha256:abc',
      },
    });
    stop();
    vi.advanceTimersByTime(60_000);
    expect(events).toHaveLength(2);
    expect(listeners.size).toBe(0);
  });

  it('as often as it is told', () => {
    const { events, stop } = open({ heartbeat: '1s' });
    vi.advanceTimersByTime(3500);
    expect(events).toHaveLength(3);
    stop();
  });
});
