import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ackOf } from '../../../src/core/flow/ack.ts';
import { type Parcel, Queue, type QueueLimits } from '../../../src/core/flow/queue.ts';
import { eventsOf, tick } from '../shared.ts';

interface Told extends Parcel {
  readonly id: number;
  /** What its ack got, in order. */
  readonly settled: string[];
}

function parcel(id: number, events: number, bytes: number, live: boolean): Told {
  const settled: string[] = [];
  const ack = ackOf((status, reason) => settled.push(`${status} ${reason}`), live);
  return { id, events: eventsOf(events), bytes, ack, settled };
}

/** The queue as one would explain it: a list, and what left it. */
class Model {
  waiting: Told[] = [];
  readonly dropped: [Told, string][] = [];
  closed = false;
  readonly #limits: QueueLimits;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  sum(of: 'events' | 'bytes', among = this.waiting): number {
    return among.reduce((sum, each) => sum + (of === 'events' ? each.events.length : each.bytes), 0);
  }

  #fits(given: Told, among: Told[]): boolean {
    if (among.length === 0) return true;
    const all = [...among, given];
    return this.sum('events', all) <= this.#limits.events && this.sum('bytes', all) <= this.#limits.bytes;
  }

  offer(given: Told): void {
    if (this.closed) this.dropped.push([given, 'stopped']);
    else if (!given.ack.live || this.#fits(given, this.waiting)) this.waiting.push(given);
    else {
      const live = this.#limits.whenFull === 'drop_oldest' ? this.waiting.filter(({ ack }) => ack.live) : [];
      const enough = live.findIndex((_, last) =>
        this.#fits(
          given,
          this.waiting.filter((each) => !live.slice(0, last + 1).includes(each)),
        ),
      );
      const victims = live.slice(0, enough + 1);
      for (const victim of victims) this.dropped.push([victim, 'queue_full']);
      if (enough < 0) this.dropped.push([given, 'queue_full']);
      else this.waiting = [...this.waiting.filter((each) => !victims.includes(each)), given];
    }
  }

  take(max: number): Told[] {
    const taken: Told[] = [];
    while (this.waiting[0] && (taken.length === 0 || this.sum('events', [...taken, this.waiting[0]]) <= max)) {
      taken.push(this.waiting.shift() as Told);
    }
    return taken;
  }

  empty(): Told[] {
    return this.waiting.splice(0);
  }
}

const count = fc.integer({ min: 1, max: 9 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('offer' as const), events: count, bytes: count, live: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const), max: count }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'close' as const }, { do: 'empty' as const }) },
);
const limits = fc.record({
  events: fc.integer({ min: 1, max: 20 }),
  bytes: fc.integer({ min: 1, max: 30 }),
  whenFull: fc.constantFrom('drop_oldest' as const, 'drop_newest' as const),
});

describe('Queue', () => {
  it('does what its model does: what is taken and dropped, in which order, and what waits', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
        const dropped: [Told, string][] = [];
        const queue = new Queue(limits, (each, reason) => {
          // The books are told after the ack, so that they may count on it.
          expect((each as Told).settled).toHaveLength(1);
          dropped.push([each as Told, reason]);
        });
        const model = new Model(limits);
        const all: Told[] = [];
        const taken: Told[] = [];
        let open: { promise: Promise<Parcel[] | undefined>; max: number } | undefined;
        let ended = false;
        const compare = async (result: Parcel[] | undefined, max: number) => {
          const expected = model.take(max);
          if (result === undefined) ended = true;
          expect(result).toEqual(expected.length > 0 ? expected : undefined);
          taken.push(...expected);
        };
        for (const each of steps) {
          if (each.do === 'offer') {
            const given = parcel(all.length, each.events, each.bytes, each.live);
            all.push(given);
            model.offer(given);
            queue.offer(given);
          } else if (each.do === 'take') {
            open ??= { promise: queue.take(each.max), max: each.max };
          } else if (each.do === 'close') {
            model.closed = true;
            queue.close();
          } else {
            const emptied = model.empty();
            expect(queue.empty()).toEqual(emptied);
            taken.push(...emptied);
          }
          if (open && (model.waiting.length > 0 || model.closed)) {
            await compare(await open.promise, open.max);
            open = undefined;
          }
          expect(queue.events).toBe(model.sum('events'));
          expect(queue.bytes).toBe(model.sum('bytes'));
          expect(dropped.map(([{ id }, reason]) => [id, reason])).toEqual(
            model.dropped.map(([{ id }, reason]) => [id, reason]),
          );
        }
        queue.close();
        model.closed = true;
        if (open) await compare(await open.promise, open.max);
        while (!ended) await compare(await queue.take(5), 5);
        // Nothing is lost, nothing comes twice: each parcel was taken or dropped, once.
        const ids = [...taken, ...dropped.map(([each]) => each)].map(({ id }) => id).sort((a, b) => a - b);
        expect(ids).toEqual(all.map(({ id }) => id));
        for (const each of taken) expect(each.settled).toEqual([]);
        for (const [each, reason] of dropped) {
          expect(each.settled).toEqual([`${each.ack.live ? 'dropped' : 'failed'} ${reason}`]);
          // Only a stop leaves behind what a source could give again.
          if (!each.ack.live) expect(reason).toBe('stopped');
        }
      }),
    );
  });

  it('lets no parcel give way in vain', () => {
    const dropped: number[] = [];
    const queue = new Queue({ events: 10, bytes: 1000, whenFull: 'drop_oldest' }, (each) =>
      dropped.push((each as Told).id),
    );
    queue.offer(parcel(1, 2, 1, true));
    queue.offer(parcel(2, 50, 1, false));
    queue.offer(parcel(3, 2, 1, true));
    expect(dropped).toEqual([3]);
  });

  it('hands over parcels from a source that waits for nothing while a slow consumer takes', async () => {
    const queue = new Queue({ events: 5, bytes: 1000, whenFull: 'drop_oldest' }, () => {});
    const first = queue.take(100);
    queue.offer(parcel(1, 1, 1, true));
    await tick();
    queue.offer(parcel(2, 1, 1, true));
    queue.offer(parcel(3, 1, 1, true));
    expect((await first)?.map((each) => (each as Told).id)).toEqual([1]);
    expect((await queue.take(100))?.map((each) => (each as Told).id)).toEqual([2, 3]);
  });
});
