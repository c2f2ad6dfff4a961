/** Whatever a sink says of its writes, each event has one fate: the sink has it, once, or has refused it. */

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Event } from '../../../src/core/event.ts';
import { WriteError } from '../../../src/core/failure/write-error.ts';
import { deliveryOf } from '../deliveries.ts';
import { numbersOf } from '../shared.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What one write does; `fates` has, for each event in turn, whether it is taken, refused or wanted again. */
const deed = fc.oneof(
  fc.record({ kind: fc.constantFrom('takes', 'fails', 'refuses', 'hangs', 'takes late') }),
  fc.record({
    kind: fc.constantFrom('takes some', 'is cut off'),
    fates: fc.array(fc.constantFrom('taken', 'taken', 'refused', 'again'), { minLength: 1, maxLength: 6 }),
    untried: fc.boolean(),
    wait: fc.constantFrom(0, 0, 5000),
  }),
);
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never;

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

it('each event is taken or refused once, its ack and the books say so, and nothing is left', async () => {
  const parcels = fc.array(fc.record({ size: fc.integer({ min: 1, max: 9 }), live: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(
      parcels,
      fc.array(deed, { maxLength: 12 }),
      fc.integer({ min: 1, max: 8 }),
      async (given, deeds, batch) => {
        const taken: unknown[] = [];
        const refused: unknown[] = [];
        const take = (events: readonly Event[]) => void taken.push(...numbersOf(events));
        const left = [...deeds];
        const act = async (events: readonly Event[], signal: AbortSignal, next: Deed) => {
          if (next.kind === 'hangs') return new Promise<void>(() => {});
          if (next.kind === 'takes late' || next.kind === 'is cut off') await aborted(signal);
          if (next.kind === 'fails') throw new Error('not now');
          if (next.kind === 'refuses') {
            refused.push(...numbersOf(events));
            throw new WriteError('never', { permanent: true });
          }
          if (!('fates' in next)) return take(events);
          const having = (fate: string) => events.filter((_, index) => next.fates[index % next.fates.length] === fate);
          take(having('taken'));
          refused.push(...numbersOf(having('refused')));
          const { untried, wait } = next;
          throw new WriteError('in part', { refused: having('refused'), again: having('again'), untried, wait });
        };
        const { delivery, offer, metrics } = deliveryOf(
          { write: async (events, signal) => act(events, signal, left.shift() ?? { kind: 'takes' }) },
          { batch, timeout: '2s', retry: { give_up_after: '10h' } },
        );
        let from = 0;
        const acks = given.map(({ size, live }) => ({ from, size, ack: offer(size, (from += size) - size, live) }));
        await vi.runAllTimersAsync();
        const fates = [...taken, ...refused].sort((a, b) => Number(a) - Number(b));
        expect(fates).toEqual(Array.from({ length: from }, (_, n) => n));
        for (const { from, size, ack } of acks) {
          const lost = refused.filter((n) => Number(n) >= from && Number(n) < from + size);
          expect(ack.settled).toEqual([lost.length > 0 ? ['dropped', 'refused'] : ['delivered', undefined]]);
        }
        expect([metrics.total('delivered'), metrics.total('dropped')]).toEqual([taken.length, refused.length]);
        expect([delivery.waiting, delivery.problem === undefined || refused.length > 0]).toEqual([0, true]);
        await delivery.close(AbortSignal.abort());
      },
    ),
  );
});
