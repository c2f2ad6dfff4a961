import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Ack,
  ackOf,
  type Counts,
  type Fate,
  type Fates,
  liveAck,
  partAck,
  type Status,
  splitAck,
  worse,
} from '../../../src/core/flow/ack.ts';

const ORDER: readonly Status[] = ['filtered', 'absorbed', 'delivered', 'spooled', 'dead_lettered', 'dropped', 'failed'];
const status = fc.constantFrom(...ORDER);
const worstOf = (all: readonly Status[]) =>
  all.reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 'filtered');

/** A fan-out as the fused loop makes it: every event went to at least one part, perhaps twice to the same. */
const fanOut = fc.integer({ min: 1, max: 12 }).chain((events) =>
  fc
    .array(fc.array(fc.integer({ min: 0, max: events - 1 }), { minLength: 1, maxLength: 15 }), { maxLength: 5 })
    .map((parts) => [...parts, Array.from({ length: events }, (_, index) => index)])
    .chain((parts) =>
      fc.record({
        events: fc.constant(events),
        parts: fc.constant(parts),
        fates: fc.array(status, { minLength: parts.length, maxLength: parts.length }),
        order: fc.shuffledSubarray(
          parts.map((_, part) => part),
          { minLength: parts.length },
        ),
      }),
    ),
);

function recorder(live = false) {
  const settled: [Status, string | undefined][] = [];
  return { settled, ack: ackOf((each, reason) => settled.push([each, reason]), live) };
}

describe('splitAck', () => {
  it('settles once, after the last part, with the worst; each event counts with the worst of its copies', () => {
    fc.assert(
      fc.property(fanOut, ({ events, parts, fates, order }) => {
        const parent = recorder();
        const ended: Counts[] = [];
        const acks = splitAck(parent.ack, events, parts, (counts) => ended.push(counts));
        order.forEach((part, index) => {
          expect(parent.settled).toHaveLength(0);
          acks[part]?.settle(fates[part] as Status, `reason ${part}`);
          // Whoever answers late or twice changes nothing.
          acks[part]?.settle('failed');
          if (index < order.length - 1) expect(ended).toHaveLength(0);
        });
        const fateOf = (event: number) => worstOf(fates.filter((_, part) => parts[part]?.includes(event)));
        const expected = Object.fromEntries(ORDER.map((each) => [each, 0])) as Counts;
        for (let event = 0; event < events; event++) expected[fateOf(event)]++;
        expect(ended).toEqual([expected]);
        expect(parent.settled.map(([each]) => each)).toEqual([worstOf(fates)]);
      }),
    );
  });

  it('names a reason for every dropped event, and none for others', () => {
    fc.assert(
      fc.property(fanOut, ({ events, parts, fates, order }) => {
        const parent = recorder();
        const seen: { counts: Counts; reasons: Record<string, number> }[] = [];
        const acks = splitAck(parent.ack, events, parts, (counts, reasons) =>
          seen.push({ counts, reasons: Object.fromEntries(reasons) }),
        );
        for (const part of order) acks[part]?.settle(fates[part] as Status, `reason ${part}`);
        const expected: Record<string, number> = {};
        for (let event = 0; event < events; event++) {
          const mine = order.filter((part) => parts[part]?.includes(event));
          if (worstOf(mine.map((part) => fates[part] as Status)) !== 'dropped') continue;
          const first = `reason ${mine.find((part) => fates[part] === 'dropped')}`;
          expected[first] = (expected[first] ?? 0) + 1;
        }
        expect(seen[0]?.reasons).toEqual(expected);
        // The reason that goes up is that of the first with the status that goes up.
        const [up, why] = parent.settled[0] as [Status, string];
        expect(why).toBe(`reason ${order.find((part) => fates[part] === up)}`);
      }),
    );
  });

  it('counts two sinks that dropped different events under their own reasons', () => {
    const reasons: Record<string, number>[] = [];
    const parts = [[0, 1, 2], [3]];
    const acks = splitAck(recorder().ack, 4, parts, (_counts, why) => reasons.push(Object.fromEntries(why)));
    acks[0]?.settle('dropped', 'queue_full');
    acks[1]?.settle('dropped');
    expect(reasons).toEqual([{ queue_full: 3, unnamed: 1 }]);
  });

  it('counts what was lost of a part, each for its reason; the rest of it was delivered', () => {
    const ended: unknown[] = [];
    const parent = recorder();
    const [part] = splitAck(parent.ack, 5, [[4, 0, 2]], (counts, why) => ended.push(counts, Object.fromEntries(why)));
    const fates = new Map<number, Fate>([
      [0, { status: 'dead_lettered', reason: 'refused' }],
      [2, { status: 'dropped', reason: 'sink_failed' }],
    ]);
    part?.settle('dropped', 'sink_failed', fates);
    expect(ended).toEqual([
      { filtered: 2, delivered: 1, spooled: 0, absorbed: 0, dead_lettered: 1, dropped: 1, failed: 0 },
      { sink_failed: 1 },
    ]);
    expect(parent.settled).toEqual([['dropped', 'sink_failed']]);
  });

  it('nests: what the inner split settles is what the outer part gets', () => {
    fc.assert(
      fc.property(fc.array(status, { minLength: 1, maxLength: 6 }), status, (inner, outer) => {
        const parent = recorder();
        const [first, second] = splitAck(parent.ack, 2, [[0], [1]], () => {}) as [Ack, Ack];
        const below = splitAck(
          first,
          inner.length,
          inner.map((_, index) => [index]),
          () => {},
        );
        second.settle(outer);
        for (const [index, each] of inner.entries()) below[index]?.settle(each);
        expect(parent.settled.map(([each]) => each)).toEqual([worstOf([...inner, outer])]);
      }),
    );
  });

  it('passes on whether the source is live', () => {
    for (const live of [true, false]) {
      const [part] = splitAck(recorder(live).ack, 1, [[0]], () => {});
      expect(part?.live).toBe(live);
    }
  });
});

describe('partAck', () => {
  const batch = fc.integer({ min: 1, max: 10 }).chain((events) =>
    fc.record({
      events: fc.constant(events),
      places: fc.array(fc.integer({ min: 0, max: events - 1 }), { maxLength: 12 }),
      lost: fc.uniqueArray(fc.integer({ min: 0, max: events - 1 })),
      fates: fc.array(status, { minLength: 12, maxLength: 12 }),
      told: fc.boolean(),
    }),
  );

  it('tells what became of each event of the batch, at its own place, and the worst of all', () => {
    fc.assert(
      fc.property(batch, ({ events, places, lost: some, fates, told }) => {
        const lost = some.filter((place) => !places.includes(place));
        const given = places.map((_, index) => (told ? (fates[index] as Status) : (fates[0] as Status)));
        const expected = Array.from({ length: events }, (_, place): Status => {
          const mine = given.filter((_, index) => places[index] === place);
          if (mine.length > 0) return worstOf(mine);
          return lost.includes(place) ? 'dropped' : 'filtered';
        });
        const settled: [Status, Fates | undefined][] = [];
        const parent = ackOf((each, _reason, all) => settled.push([each, all]));
        const part = partAck(parent, places, lost);
        part.settle(
          worstOf(given),
          undefined,
          told ? new Map(given.map((each, index) => [index, { status: each }])) : undefined,
        );
        expect(settled.map(([each]) => each)).toEqual([worstOf(expected)]);
        const [, all] = settled[0] as [Status, Fates];
        expect(expected.map((_, place) => all.get(place)?.status ?? 'delivered')).toEqual(expected);
      }),
    );
  });
});

describe('ackOf and worse', () => {
  it('settles once', () => {
    const { ack, settled } = recorder();
    ack.settle('dropped', 'queue_full');
    ack.settle('failed');
    expect(settled).toEqual([['dropped', 'queue_full']]);
  });

  it('worse is the later of filtered, absorbed, delivered, dropped, failed, whichever comes first', () => {
    fc.assert(
      fc.property(status, status, (a, b) => {
        expect(worse(a, b)).toBe(worstOf([a, b]));
      }),
    );
  });

  it('nobody waits for a live ack: it may settle any number of times', () => {
    expect(liveAck.live).toBe(true);
    liveAck.settle('delivered');
    liveAck.settle('failed');
  });
});
