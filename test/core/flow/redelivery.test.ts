import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Status } from '../../../src/core/flow/ack.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import { Redelivery } from '../../../src/core/flow/redelivery.ts';
import { recordForm } from '../../../src/events/record.ts';
import { eventsOf, numbersOf, tick } from '../shared.ts';

/** A source's end of the contract: what was advanced to, and sleeps that the test ends. */
function harness(deliver: (batch: Batch) => void) {
  const positions: unknown[] = [];
  const sleeping: { ms: number; wake: () => void; stop: () => void }[] = [];
  const sleep = (ms: number) =>
    new Promise<void>((wake, reject) => sleeping.push({ ms, wake, stop: () => reject(new Error('stopped')) }));
  const advance = (position: unknown) => positions.push(position);
  return { positions, sleeping, delivery: new Redelivery(deliver, { advance, sleep }) };
}

const batchOf = (n: number) => ({ source: 'syscall', form: recordForm, events: eventsOf(1, n) });

const fate = fc.record({
  // Which of the open batches settles next, and how often it fails before it ends well.
  pick: fc.nat(),
  status: fc.constantFrom<Status>('delivered', 'filtered', 'dropped', 'failed', 'failed'),
});

describe('Redelivery', () => {
  it('tells which ids were settled with a position, each once, none early', () => {
    const told: unknown[] = [];
    const open: Batch[] = [];
    const delivery = new Redelivery((batch) => open.push(batch), {
      advance: (position, seen) => told.push([position, seen]),
      sleep: async () => {},
    });
    delivery.emit(batchOf(0), 0, ['a', 'b']);
    delivery.emit(batchOf(1), 1, ['c']);
    delivery.mark(2);
    delivery.emit(batchOf(3), 3, ['d']);
    open[1]?.ack.settle('delivered');
    expect(told).toEqual([]);
    open[0]?.ack.settle('spooled');
    open[2]?.ack.settle('delivered');
    expect(told).toEqual([
      [2, ['a', 'b', 'c']],
      [3, ['d']],
    ]);
  });

  it('advances only past what is settled without a gap, and delivers everything in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
        fc.array(fate, { maxLength: 80 }),
        async (kinds, fates) => {
          const open: { n: number; batch: Batch }[] = [];
          const ended = new Set<number>();
          const { positions, sleeping, delivery } = harness((batch) =>
            open.push({ n: numbersOf([batch.events.at(0) as never])[0] as number, batch }),
          );
          const check = () => {
            let prefix = -1;
            while (ended.has(prefix + 1)) prefix++;
            expect(positions.at(-1) ?? -1).toBe(prefix);
            // Never backwards, never the same twice.
            expect(positions).toEqual([...new Set(positions as number[])].sort((a, b) => a - b));
          };
          const settle = async (pick: number, status: Status) => {
            if (open.length === 0) return;
            const [one] = open.splice(pick % open.length, 1);
            if (status !== 'failed') ended.add(one?.n ?? -1);
            one?.batch.ack.settle(status);
            one?.batch.ack.settle('failed'); // late answers count for nothing
            for (const { wake } of sleeping.splice(0)) wake();
            await tick();
            check();
          };
          for (const [n, hasEvents] of kinds.entries()) {
            if (hasEvents) delivery.emit(batchOf(n), n);
            else {
              ended.add(n);
              delivery.mark(n);
            }
            check();
            const next = fates[n];
            if (next?.status === 'failed') await settle(next.pick, next.status);
          }
          for (const { pick, status } of fates) await settle(pick, status);
          let idle = false;
          void delivery.settled().then(() => {
            idle = true;
          });
          await tick();
          expect(idle).toBe(ended.size === kinds.length);
          while (open.length > 0) await settle(0, 'delivered');
          await tick();
          expect(idle).toBe(true);
          expect(positions.at(-1)).toBe(kinds.length - 1);
        },
      ),
    );
  });

  it('emits a failed batch again as it was, each time after a longer wait at most', async () => {
    const seen: unknown[][] = [];
    const acks: Batch['ack'][] = [];
    const { sleeping, delivery } = harness((batch) => {
      seen.push(numbersOf(batch.events as never));
      acks.push(batch.ack);
    });
    delivery.emit(batchOf(7), 1);
    for (let attempt = 1; attempt <= 20; attempt++) {
      acks.at(-1)?.settle('failed');
      const [wait] = sleeping.splice(0);
      expect(wait?.ms).toBeLessThanOrEqual(Math.min(60_000, 1000 * 1.5 ** (attempt - 1)));
      wait?.wake();
      await tick();
    }
    expect(seen).toEqual(Array.from({ length: 21 }, () => [7]));
  });

  it('emits only those events again that failed', async () => {
    const seen: unknown[][] = [];
    const acks: Batch['ack'][] = [];
    const { positions, sleeping, delivery } = harness((batch) => {
      seen.push(numbersOf(batch.events as never));
      acks.push(batch.ack);
    });
    const fates = (...failed: number[]) => new Map(failed.map((place) => [place, { status: 'failed' as const }]));
    const again = async (...failed: number[]) => {
      acks.at(-1)?.settle('failed', 'sink_failed', fates(...failed).set(9, { status: 'filtered' as never }));
      for (const { wake } of sleeping.splice(0)) wake();
      await tick();
    };
    delivery.emit({ ...batchOf(0), events: eventsOf(10) }, 1);
    await again(1, 4, 7);
    await again(0, 2);
    acks.at(-1)?.settle('delivered');
    expect(seen.slice(1)).toEqual([
      [1, 4, 7],
      [1, 7],
    ]);
    expect([acks.every(({ live }) => live), positions]).toEqual([false, [1]]);
  });

  it('leaves unsettled what fails while the source stops: it is read again at the next start', async () => {
    const batches: Batch[] = [];
    const { positions, sleeping, delivery } = harness((batch) => batches.push(batch));
    delivery.emit(batchOf(0), 0);
    delivery.emit(batchOf(1), 1);
    batches[0]?.ack.settle('failed');
    for (const { stop } of sleeping) stop();
    batches[1]?.ack.settle('delivered');
    await tick();
    expect(batches).toHaveLength(2);
    expect(positions).toEqual([]);
  });

  it('is settled before anything was emitted, for everybody who asks', async () => {
    const batches: Batch[] = [];
    const { delivery } = harness((batch) => batches.push(batch));
    await delivery.settled();
    delivery.emit(batchOf(0), 0);
    const both = Promise.all([delivery.settled(), delivery.settled()]);
    batches[0]?.ack.settle('delivered');
    await both;
  });

  it('a batch that settles while it is being emitted moves the position too', () => {
    const { positions, delivery } = harness((batch) => batch.ack.settle('filtered'));
    delivery.emit(batchOf(0), 'a');
    delivery.emit(batchOf(1), 'b');
    expect(positions).toEqual(['a', 'b']);
  });
});
