import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Delivery } from '../../src/core/delivery/delivery.ts';
import { type DeliveryConfig, deliveryKeys } from '../../src/core/delivery/delivery-config.ts';
import type { Event } from '../../src/core/event.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import type { Ack } from '../../src/core/flow/ack.ts';
import { Counters } from '../../src/core/metrics.ts';
import { EventRecord } from '../../src/events/record.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { type LostFromDisk, SinkKeep } from '../../src/store/keep.ts';
import { Store } from '../../src/store/store.ts';
import { eventsOf, numbersOf, recordedAck, recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';

let folder = '';
let store: Store;
beforeEach(async () => {
  folder = scratch();
  store = await Store.open(folder, (error) => {
    throw error;
  });
});
afterEach(async () => {
  await store.close();
});

const shape = z.strictObject(deliveryKeys);
const config = (given: object): DeliveryConfig => shape.parse(given);
const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);
const settled = (ack: { settled: unknown[] }) => vi.waitFor(() => expect(ack.settled).toHaveLength(1), 20_000);

/** What each keep said of events that waited on disk and that nobody gets. */
const fromDisk: LostFromDisk[] = [];
beforeEach(() => void fromDisk.splice(0));

/** A delivery to a sink that does what `write` says, and what that sink got. */
function delivery(
  given: object,
  write: (events: readonly Event[]) => Promise<void>,
  dead = 1_000_000,
  keep = new SinkKeep(store, 'out', { dead: { events: dead, bytes: 1e9 }, lost: (each) => fromDisk.push(each) }),
) {
  const got: unknown[] = [];
  const lost: [string, number][] = [];
  const metrics = new Counters();
  const sink = {
    write: async (events: readonly Event[]) => {
      await write(events);
      got.push(...numbersOf(events));
    },
    close: async () => {},
  };
  const { log, lines } = recordedLog();
  const to = new Delivery(sink, config(given), log, metrics, (...each) => lost.push(each), keep);
  to.begin();
  const offer = (count: number, from: number, ack: Ack) => to.offer({ events: eventsOf(count, from), bytes: 100, ack });
  return { to, keep, got, lost, lines, metrics, offer };
}

const SPILL = { queue: { events: 4, when_full: 'spill' }, batch: 2, retry: { give_up_after: '10ms', initial: '1ms' } };

describe('a queue that spills', () => {
  it('sends to disk what finds no room, and gives all of it in order once the sink takes it', async () => {
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { to, keep, got, lost, offer } = delivery(SPILL, () => gate);
    const acks = range(10).map(() => recordedAck(true));
    for (const [n, ack] of acks.entries()) offer(2, n * 2, ack);
    // Two parcels find room; what comes behind one that waits on disk waits there too.
    await Promise.all(acks.slice(2).map(settled));
    expect(acks.map((ack) => ack.settled[0]?.[0])).toEqual([undefined, undefined, ...Array(8).fill('spooled')]);
    expect(keep.waiting).toBe(16);
    open();
    await vi.waitFor(() => expect(got).toHaveLength(20), 20_000);
    expect(got).toEqual(range(20));
    expect([keep.waiting, lost]).toEqual([0, []]);
    await to.close(AbortSignal.timeout(1000));
    await store.committed();
    expect(await store.spooled('out', 0, 100)).toEqual([]);
  });

  it('keeps what waits over a restart, also what was in memory when the time to stop was over', async () => {
    const down = delivery(SPILL, () => new Promise(() => {}));
    const acks = range(4).map(() => recordedAck(true));
    for (const [n, ack] of acks.entries()) down.offer(2, n * 2, ack);
    await down.to.close(AbortSignal.timeout(50));
    expect(acks.map(({ settled: [first] }) => first?.[0])).toEqual(Array(4).fill('spooled'));
    await store.close();
    store = await Store.open(folder, () => {});
    const up = delivery(SPILL, async () => {});
    await vi.waitFor(() => expect(up.got).toHaveLength(8), 20_000);
    expect([...up.got].sort()).toEqual(range(8));
    await up.to.close(AbortSignal.timeout(1000));
  });

  it('keeps what was not delivered when the time to stop was over, also of a sink that does not spill', async () => {
    const down = delivery({ batch: 2 }, () => Promise.reject(new Error('down')));
    const [live, replayable] = [[0, 4].map(() => recordedAck(true)), recordedAck(false)];
    for (const [index, ack] of live.entries()) down.offer(2, index * 2, ack);
    down.offer(2, 4, replayable);
    await down.to.close(AbortSignal.timeout(50));
    expect(live.map(({ settled }) => settled)).toEqual(Array(2).fill([['spooled', 'stopped']]));
    expect(replayable.settled).toEqual([['failed', 'stopped']]);
    expect([down.lost, await store.dead()]).toEqual([[], []]);
    await store.close();
    store = await Store.open(folder, () => {});
    const up = delivery({}, async () => {});
    await vi.waitFor(() => expect([...up.got].sort()).toEqual(range(4)), 20_000);
    await up.to.close(AbortSignal.timeout(1000));
  });

  it('gives to one that follows what another one had read from disk, and could not deliver', async () => {
    const down = delivery(SPILL, () => Promise.reject(new Error('down')));
    for (let n = 0; n < 6; n++) down.offer(2, n * 2, recordedAck(true));
    await vi.waitFor(() => expect(down.keep.waiting).toBe(12), 20_000);
    const got: unknown[] = [];
    const sink = {
      write: async (events: readonly Event[]) => void got.push(...numbersOf(events)),
      close: async () => {},
    };
    // It looks for what waits before the other one has given back what it has.
    const up = new Delivery(sink, config(SPILL), recordedLog().log, new Counters(), () => {}, down.keep);
    up.begin(down.to);
    await vi.waitFor(() => expect(got.length).toBeGreaterThan(7), 20_000);
    await down.to.close(AbortSignal.timeout(50));
    await vi.waitFor(() => expect([...got].sort((a, b) => Number(a) - Number(b))).toEqual(range(12)), 20_000);
    await up.close(AbortSignal.timeout(1000));
  });

  it('is left to one that follows, which goes on where the other one stood and puts nothing on disk again', async () => {
    const keep = new SinkKeep(store, 'out');
    for (const n of [0, 2, 4]) await keep.spool(eventsOf(2, n), 100);
    let fail!: (error: Error) => void;
    let tries = 0;
    const down = delivery(
      SPILL,
      () => {
        tries++;
        return new Promise((_, reject) => (fail = reject));
      },
      0,
      keep,
    );
    await vi.waitFor(() => expect(tries).toBe(1), 20_000);
    const got: unknown[] = [];
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let begun = 0;
    const write = async (events: readonly Event[]) => {
      begun++;
      await gate;
      got.push(...numbersOf(events));
    };
    const metrics = new Counters();
    const sink = { write, close: async () => {} };
    const up = new Delivery(sink, config(SPILL), recordedLog().log, metrics, () => {}, keep);
    up.begin(down.to);
    await vi.waitFor(() => expect(begun).toBe(1), 20_000);
    const closed = down.to.close(AbortSignal.timeout(1));
    fail(new Error('down'));
    await closed;
    open();
    await vi.waitFor(() => expect(got).toHaveLength(6), 20_000);
    expect(got).toEqual([2, 3, 0, 1, 4, 5]);
    await vi.waitFor(() => expect(keep.waiting).toBe(0), 20_000);
    expect([metrics.total('spooled'), down.metrics.total('spooled'), down.lost]).toEqual([0, 0, []]);
    await up.close(AbortSignal.timeout(1000));
  });

  it('gives nothing that waits to a sink that is not in its place yet', async () => {
    const keep = new SinkKeep(store, 'out');
    await keep.spool(eventsOf(2), 100);
    const got: unknown[] = [];
    const write = async (events: readonly Event[]) => void got.push(...numbersOf(events));
    const sink = { write, close: async () => {} };
    const fresh = new Delivery(sink, config(SPILL), recordedLog().log, new Counters(), () => {}, keep);
    await keep.spool(eventsOf(2, 2), 100);
    expect(await keep.next(100)).toHaveLength(2);
    expect(got).toEqual([]);
    await fresh.close(AbortSignal.timeout(1000));
  });

  it('gives no row to two at once, whatever fails in between', async () => {
    const keep = new SinkKeep(store, 'out');
    for (const n of range(5)) await keep.spool(eventsOf(1, n), 100);
    const next = async () => (await keep.next(1))?.[0];
    const number = (parcel: Awaited<ReturnType<typeof next>>) => parcel && numbersOf(parcel.events)[0];
    const [a, b, c] = await Promise.all([next(), next(), next()]);
    expect([a, b, c].map(number)).toEqual([0, 1, 2]);
    // That b is delivered is not on disk yet, and c is still in hand.
    b?.ack.settle('delivered');
    a?.ack.settle('failed');
    expect([await next(), await next(), await next(), await next()].map(number)).toEqual([0, 3, 4, undefined]);
    c?.ack.settle('failed');
    expect(number(await next())).toBe(2);
    expect(keep.waiting).toBe(4);
  });

  it('gives again what failed from disk; nothing is given up while the sink is down', async () => {
    let fails = 30;
    const { to, got, lost, offer } = delivery(SPILL, async () => {
      if (fails-- > 0) throw new Error('down');
    });
    for (let n = 0; n < 6; n++) offer(2, n * 2, recordedAck(true));
    await vi.waitFor(() => expect(got).toHaveLength(12), 10_000);
    expect([...got].sort((a, b) => Number(a) - Number(b))).toEqual(range(12));
    expect(lost).toEqual([]);
    await to.close(AbortSignal.timeout(1000));
  });

  it('has a limit: past it live events are dropped, and said', async () => {
    const spill = { ...SPILL, queue: { ...SPILL.queue, spill_events: 3 } };
    const { to, lost, offer } = delivery(spill, () => new Promise(() => {}));
    const [live, other, replayable] = [recordedAck(true), recordedAck(true), recordedAck(false)];
    for (let n = 0; n < 2; n++) offer(2, n, recordedAck(true));
    offer(2, 6, live);
    offer(2, 8, other);
    offer(2, 10, replayable);
    await settled(live);
    expect(live.settled[0]?.[0]).toBe('spooled');
    expect(other.settled).toEqual([['dropped', 'spool_full']]);
    expect(replayable.settled).toEqual([['failed', 'spool_full']]);
    expect(lost).toEqual([['spool_full', 2]]);
    await to.close(AbortSignal.abort());
  });
});

it('what cannot be read on disk any more is lost, and counted; what waits behind it is given', async () => {
  const line = (n: number) => recordJson(eventsOf(1, n)[0] as EventRecord);
  for (const text of [line(0), `${line(1)}\nno record`, `${line(2)}\n${line(3)}`, line(4)]) {
    await store.spool('out', text.split('\n').length, text);
  }
  await store.close();
  const database = new DatabaseSync(join(folder, 'state.db'));
  database.exec("UPDATE spool SET data = x'00' WHERE id = 3");
  database.close();
  store = await Store.open(folder, () => {});
  const { to, keep, got, lost } = delivery(SPILL, async () => {});
  await vi.waitFor(() => expect([got, keep.waiting]).toEqual([[0, 1, 4], 0]), 20_000);
  expect([fromDisk.map(({ count }) => count), lost]).toEqual([[1, 2], []]);
  await to.close(AbortSignal.timeout(1000));
  expect(await store.spooled('out', 0, 10)).toEqual([]);
  // What there is of them can be looked at.
  const letters = await store.dead();
  expect(letters.map(({ reason, count }) => `${reason} ${count}`)).toEqual(['unreadable 1', 'unreadable 2']);
  expect(await Promise.all(letters.map(({ id }) => store.letter(id)))).toEqual(['no record', '{"unreadable":"AA=="}']);
  expect(keep.dead).toBe(3);
});

it('what cannot be read waits no longer, and is counted once, also while the sink is down', async () => {
  const line = (n: number) => recordJson(eventsOf(1, n)[0] as EventRecord);
  for (const text of ['no record', line(1), `${line(2)}\nno record`]) {
    await store.spool('out', text.split('\n').length, text);
  }
  await store.close();
  store = await Store.open(folder, () => {});
  let tries = 0;
  const { to, keep, got } = delivery({ ...SPILL, batch: 10 }, async () => {
    if (++tries < 20) throw new Error('down');
  });
  await vi.waitFor(() => expect([got, keep.waiting]).toEqual([[1, 2], 0]), 20_000);
  expect(fromDisk).toEqual(Array(2).fill({ status: 'dead_lettered', reason: 'unreadable', count: 1 }));
  await to.close(AbortSignal.timeout(1000));
  expect(await store.spooled('out', 0, 10)).toEqual([]);
});

it('what cannot be read now is said once, tried again, and comes once and in order; what comes live goes on', async () => {
  let [fails, down] = [true, true];
  const spooled = vi.spyOn(store, 'spooled');
  spooled.mockImplementation(function (this: Store, ...asked) {
    if (fails) return Promise.reject(new Error('disk I/O error'));
    return Store.prototype.spooled.apply(store, asked);
  });
  const { to, keep, got, lost, lines, metrics, offer } = delivery(
    { batch: 2, retry: { initial: '1ms', max: '1ms', give_up_after: '0s' } },
    async () => {
      if (down) throw new Error('down');
    },
  );
  const line = (n: number) => recordJson(eventsOf(1, n)[0] as EventRecord);
  for (const n of range(4)) await store.spool('out', 1, line(n));
  keep.exhumed(4, 0, 0);
  await vi.waitFor(() => expect(spooled.mock.calls.length).toBeGreaterThan(3), 20_000);
  expect(to.problem).toBe('what waits on disk cannot be read: disk I/O error');
  expect(metrics.byLabel('errors').spool).toBeGreaterThan(2);
  down = false;
  offer(1, 10, recordedAck(true));
  await vi.waitFor(() => expect(got).toEqual([10]), 20_000);
  fails = false;
  await vi.waitFor(() => expect(got).toEqual([10, ...range(4)]), 20_000);
  expect([to.problem, keep.waiting, lost]).toEqual([undefined, 0, []]);
  expect(lines).toEqual([
    'error: what waits on disk cannot be read: disk I/O error; it stays there, and is tried again',
    expect.stringMatching(/^what waits on disk can be read again, after \d+ s$/),
  ]);
  await to.close(AbortSignal.timeout(1000));
  await store.committed();
  expect(await store.spooled('out', 0, 10)).toEqual([]);
});

it('where nothing waits any more, what could not be read is no problem: what a reload replaced has delivered it', async () => {
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  const old = delivery(SPILL, () => taken);
  await store.spool('out', 1, recordJson(eventsOf(1, 0)[0] as EventRecord));
  old.keep.exhumed(1, 0, 0);
  await vi.waitFor(() => expect(old.to.since).toBeDefined(), 20_000);
  const spooled = vi.spyOn(store, 'spooled').mockRejectedValue(new Error('disk I/O error'));
  const fresh = delivery(SPILL, async () => {}, undefined, old.keep);
  fresh.to.begin(old.to);
  await vi.waitFor(() => expect(fresh.to.problem).toBe('what waits on disk cannot be read: disk I/O error'), 20_000);
  take();
  await old.to.close(AbortSignal.timeout(1000));
  expect([old.got, old.keep.waiting, fresh.to.problem]).toEqual([[0], 0, undefined]);
  await fresh.to.close(AbortSignal.timeout(1000));
  spooled.mockRestore();
});

it('a sink that closes while what waits cannot be read leaves it on disk, and tries no more', async () => {
  const spooled = vi.spyOn(store, 'spooled').mockRejectedValue(new Error('disk I/O error'));
  const { to, keep } = delivery({ retry: { initial: '1ms', max: '1ms' } }, async () => {});
  await store.spool('out', 1, recordJson(eventsOf(1, 0)[0] as EventRecord));
  keep.exhumed(1, 0, 0);
  await vi.waitFor(() => expect(spooled.mock.calls.length).toBeGreaterThan(1), 20_000);
  await to.close(AbortSignal.timeout(1000));
  const tries = spooled.mock.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect([spooled.mock.calls.length, keep.waiting]).toEqual([tries, 1]);
  spooled.mockRestore();
  expect(await store.spooled('out', 0, 10)).toHaveLength(1);
});

describe('dead letters', () => {
  it('are what the receiver refuses; replayable sources go on', async () => {
    const { to, got, lost, offer, metrics } = delivery({}, async (events) => {
      const refused = events.filter((event) => event.get('n') === 1);
      if (refused.length > 0) throw new WriteError('400 no such field', { refused });
    });
    const ack = recordedAck(false);
    offer(3, 0, ack);
    await settled(ack);
    expect(ack.settled).toEqual([['dead_lettered', 'refused']]);
    expect(got).toEqual([0, 2]);
    expect(lost).toEqual([]);
    expect(metrics.byLabel('dead_lettered')).toEqual({ refused: 1 });
    const [letter] = await store.dead();
    expect(letter).toMatchObject({ sink: 'out', reason: 'refused', message: '400 no such field', count: 1 });
    expect(await store.letter(letter?.id as number)).toBe(
      '{"source":"syscall","time":0,"type":"open","fields":{"n":1}}',
    );
    await to.close(AbortSignal.timeout(1000));
  });

  it('have a limit: past it they are dropped, and said', async () => {
    const refuse = async () => {
      throw new WriteError('no', { permanent: true });
    };
    const { to, lost, offer } = delivery({}, refuse, 3);
    const acks = [recordedAck(false), recordedAck(false)];
    for (const ack of acks) offer(2, 0, ack);
    await Promise.all(acks.map(settled));
    expect(acks.map((ack) => ack.settled)).toEqual([[['dead_lettered', 'refused']], [['dropped', 'refused']]]);
    expect(lost).toEqual([['refused', 2]]);
    await to.close(AbortSignal.timeout(1000));
  });

  it('have a limit of bytes too', async () => {
    const keep = new SinkKeep(store, 'out', { dead: { events: 100, bytes: 10 } });
    const events = [new EventRecord('syscall', 'openat', 1n, { 'fd.name': '/etc/shadow' })];
    await keep.bury(events, 'refused', '');
    expect(keep.bury(events, 'refused', '')).toBeUndefined();
    const kept = await store.discard({ sink: 'out' });
    keep.exhumed(0, kept.dead.out ?? 0, kept.deadBytes.out ?? 0);
    expect(keep.bury(events, 'refused', '')).toBeInstanceOf(Promise);
    keep.exhumed(0, 3, 0);
    expect(keep.dead).toBe(3);
  });

  it('are live events of a sink that stays down; put back, they are delivered', async () => {
    let down = true;
    const { to, keep, got, offer } = delivery({ retry: { give_up_after: '5ms', initial: '1ms' } }, async () => {
      if (down) throw new Error('down');
    });
    const [live, replayable] = [recordedAck(true), recordedAck(false)];
    offer(2, 0, live);
    await settled(live);
    offer(2, 2, replayable);
    await vi.waitFor(() => expect([to.since, to.waiting]).toEqual([undefined, 2]), 20_000);
    expect(live.settled).toEqual([['dead_lettered', 'sink_failed']]);
    expect(replayable.settled).toEqual([]);
    down = false;
    const kept = await store.exhume({});
    keep.exhumed(kept.waiting.out ?? 0, 0, 0);
    await vi.waitFor(() => expect(got.toSorted()).toEqual([0, 1, 2, 3]), 20_000);
    expect(replayable.settled).toEqual([['delivered', undefined]]);
    await to.close(AbortSignal.timeout(1000));
    expect(await store.dead()).toEqual([]);
  });
});
