/** A sink that spills, beside a disk that fails and works again: every event gets to the sink once, or is on disk. */

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Keep } from '../../../src/core/delivery/keep.ts';
import type { Event } from '../../../src/core/event.ts';
import { WriteError } from '../../../src/core/failure/write-error.ts';
import { ackOf } from '../../../src/core/flow/ack.ts';
import { deliveryOf } from '../deliveries.ts';
import { eventsOf, numbersOf, recordedAck } from '../shared.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Settle = (written: boolean | undefined) => void;

/** A keep in memory, on a disk of which the test says whether it can be written. */
class TestKeep implements Keep {
  readonly folder = 'state';
  readonly woken = new Set<() => void>();
  readonly rows: (readonly Event[])[] = [];
  readonly #pending = new Map<readonly Event[], Settle>();
  readonly #given = new Set<readonly Event[]>();
  #isFull = false;
  // What a try to write has found, as the store knows it only after one.
  failing = false;

  get waiting(): number {
    return this.onDisk + [...this.#pending.keys()].reduce((sum, { length }) => sum + length, 0);
  }

  get onDisk(): number {
    return this.rows.reduce((sum, { length }) => sum + length, 0);
  }

  get ready(): boolean {
    return !this.failing;
  }

  spool(events: readonly Event[]): Promise<boolean | undefined> {
    const { promise, resolve } = Promise.withResolvers<boolean | undefined>();
    this.#pending.set(events, resolve);
    setTimeout(() => this.#try(), 10);
    if (this.failing) this.#wake();
    return promise;
  }

  async takeBack(events: readonly Event[]): Promise<boolean> {
    const settle = this.#pending.get(events);
    this.#pending.delete(events);
    settle?.(undefined);
    return settle !== undefined;
  }

  async next(): ReturnType<Keep['next']> {
    const events = this.rows.find((row) => !this.#given.has(row));
    if (!events) return undefined;
    this.#given.add(events);
    const ack = ackOf((status) => {
      this.#given.delete(events);
      if (status !== 'failed') this.rows.splice(this.rows.indexOf(events), 1);
      else this.#wake();
    });
    return [{ events, bytes: 1, ack }];
  }

  bury(): undefined {}

  set full(isFull: boolean) {
    this.#isFull = isFull;
    // That it is full is found out by the next try.
    if (!isFull) this.#try();
  }

  #try(): void {
    this.failing = this.#isFull;
    const pending = this.#isFull ? [] : [...this.#pending];
    for (const [events, settle] of pending) {
      this.#pending.delete(events);
      this.rows.push(events);
      settle(true);
    }
    this.#wake();
  }

  #wake(): void {
    for (const woken of this.woken) woken();
  }
}

const spills = (events: number, retry: object) => ({
  batch: 3,
  timeout: '1m',
  queue: { events, when_full: 'spill' },
  retry: { initial: '100ms', max: '1s', ...retry },
});

const deed = fc.oneof(
  fc.record({ kind: fc.constant('comes' as const), size: fc.integer({ min: 1, max: 4 }), live: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('sink', 'disk'), fails: fc.boolean() }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 20, 500, 5000) }),
);

it('whatever fails when, each event is delivered once, and acknowledged once', async () => {
  const met = { straight: 0, disk: 0 };
  const more = fc.record({ room: fc.integer({ min: 1, max: 9 }), giveUp: fc.constantFrom('0s', '2s', '1h') });
  await fc.assert(
    fc.asyncProperty(
      fc.array(deed, { minLength: 4, maxLength: 25 }),
      more,
      fc.boolean(),
      async (deeds, { room, giveUp }, isFull) => {
        let isDown = true;
        const got: unknown[] = [];
        const keep = new TestKeep();
        const { delivery, lost } = deliveryOf(
          {
            async write(events) {
              await new Promise((resolve) => setTimeout(resolve, 5));
              if (isDown) throw new WriteError('down', { again: events });
              got.push(...numbersOf(events));
            },
          },
          spills(room, { give_up_after: giveUp }),
          keep,
        );
        delivery.begin();
        const acks: ReturnType<typeof recordedAck>[] = [];
        let count = 0;
        for (const each of deeds) {
          if (each.kind === 'comes') {
            const ack = recordedAck(each.live);
            acks.push(ack);
            delivery.offer({ events: eventsOf(each.size, count), bytes: 1, ack });
            count += each.size;
          } else if (each.kind === 'time') await vi.advanceTimersByTimeAsync(each.ms);
          else if (each.kind === 'sink') isDown = each.fails;
          else keep.full = each.fails;
        }
        keep.full = isFull;
        isDown = false;
        const atEnd = count % 2 === 0;
        if (!atEnd) {
          await vi.advanceTimersByTimeAsync(60_000);
          expect([delivery.waiting, delivery.onDisk]).toEqual([0, 0]);
        }
        const closed = delivery.close(new AbortController().signal);
        await vi.runAllTimersAsync();
        await closed;
        const onDisk = keep.rows.flatMap(numbersOf);
        // On disk there may be what the end has not had time for; nothing is on its way there.
        expect([...got, ...onDisk].toSorted((a, b) => Number(a) - Number(b))).toEqual([...Array(count).keys()]);
        expect([atEnd ? 0 : onDisk.length, keep.waiting - onDisk.length, delivery.waiting, lost]).toEqual([
          0,
          0,
          0,
          [],
        ]);
        for (const { settled } of acks) expect(settled).toHaveLength(1);
        if (acks.some(({ settled }) => settled[0]?.[0] === 'spooled')) met.disk++;
        else if (isFull && count > room) met.straight++;
      },
    ),
    { numRuns: process.env.FALCO_PIPE_LONG ? 2000 : 200 },
  );
  expect(Math.min(...Object.values(met))).toBeGreaterThan(5);
});

it('what is given up while the disk fails is kept in memory, and tried again after a while', async () => {
  let writes = 0;
  const keep = new TestKeep();
  keep.full = true;
  const { delivery, lost } = deliveryOf(
    {
      async write() {
        writes++;
        throw new Error('down');
      },
    },
    spills(1, { give_up_after: '0s', initial: '10s', max: '10s' }),
    keep,
  );
  delivery.begin();
  for (let n = 0; n < 10; n++) delivery.offer({ events: eventsOf(1, n), bytes: 1, ack: recordedAck(true) });
  await vi.advanceTimersByTimeAsync(60_000);
  expect([delivery.waiting, lost]).toEqual([10, []]);
  expect(writes).toBeLessThan(60);
  const before = writes;
  const closed = delivery.close(new AbortController().signal);
  await vi.advanceTimersByTimeAsync(5000);
  await closed;
  // There is one try more at the end; then all is up to the disk, which the store tries once more.
  expect([writes - before < 4, delivery.waiting, lost]).toEqual([true, 10, []]);
});
