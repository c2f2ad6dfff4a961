import { concat, EMPTY, Observable, of, Subject, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/core/errors.ts';
import { liveAck } from '../../../src/core/flow/ack.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import { Hub } from '../../../src/core/flow/hub.ts';
import { Trampoline } from '../../../src/core/flow/trampoline.ts';
import { recordForm } from '../../../src/events/record.ts';
import { eventsOf, numbersOf, recordedLog } from '../shared.ts';

const batch = (n: number): Batch => ({ source: 'syscall', form: recordForm, events: eventsOf(1, n), ack: liveAck });
const numberOf = (each: Batch) => numbersOf([each.events.at(0) as never])[0] as number;

const failing = (message: string) => throwError(() => new Error(message));

function hubOf(open: () => Observable<Batch>, trampoline = new Trampoline()) {
  const { log, lines } = recordedLog();
  const seen: number[] = [];
  const failures: unknown[] = [];
  const ends: unknown[] = [];
  const hub = new Hub({
    id: 'src',
    open,
    trampoline,
    log,
    failed: (error) => failures.push(error),
    fatal: (error) => error instanceof UserError,
    ended: (error) => ends.push(error),
  });
  hub.graph = (each) => seen.push(numberOf(each));
  return { hub, seen, failures, ends, lines };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('Hub', () => {
  it('opens a failed source again, with waits that grow and begin anew after a success', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const times: number[] = [];
    let opened = 0;
    const { hub, seen, failures, ends, lines } = hubOf(() => {
      times.push(Date.now());
      opened++;
      if (opened === 2) throw new Error('not even opened');
      if (opened === 4) return of(batch(4), batch(5));
      return opened === 3 ? concat(of(batch(3)), failing('broken')) : failing('no');
    });
    hub.start();
    await vi.advanceTimersByTimeAsync(60_000);
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(waits).toEqual([1000, 1500, 1000]);
    expect(seen).toEqual([3, 4, 5]);
    expect(failures.map((error) => (error as Error).message)).toEqual(['no', 'not even opened', 'broken']);
    expect(ends).toEqual([undefined]);
    expect(lines).toEqual([
      'error: source src failed: no; opening it again in 1 s',
      'error: source src failed: not even opened; opening it again in 2 s',
      'source src gives events again, after 3 s',
      'error: source src failed: broken; opening it again in 1 s',
      'source src gives events again, after 1 s',
    ]);
    vi.restoreAllMocks();
  });

  it('never waits longer than half a minute, and says the same failure once in five minutes', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const times: number[] = [];
    const { hub, lines } = hubOf(() => {
      times.push(Date.now());
      return failing('no');
    });
    hub.start();
    await vi.advanceTimersByTimeAsync(600_000);
    // Said at once, and not for each try.
    expect(lines).toHaveLength(2);
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.max(...waits)).toBe(30_000);
    hub.stop();
    const count = times.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(times).toHaveLength(count);
    vi.restoreAllMocks();
  });

  it('ends with what no other try can mend', async () => {
    let opened = 0;
    const error = new UserError('no such file');
    const { hub, failures, ends } = hubOf(() => {
      opened++;
      return throwError(() => error);
    });
    hub.start();
    await vi.advanceTimersByTimeAsync(120_000);
    expect({ opened, failures, ends }).toEqual({ opened: 1, failures: [], ends: [error] });
  });

  it('says when the source has completed', () => {
    const { hub, seen, ends } = hubOf(() => of(batch(1)));
    hub.start();
    expect({ seen, ends }).toEqual({ seen: [1], ends: [undefined] });
    const empty = hubOf(() => EMPTY);
    empty.hub.start();
    expect(empty.ends).toEqual([undefined]);
  });

  it('delivers what is emitted inside a delivery after it, across sources that share a trampoline', () => {
    const trampoline = new Trampoline();
    const first = new Subject<Batch>();
    const second = new Subject<Batch>();
    const order: string[] = [];
    const a = hubOf(() => first, trampoline);
    const b = hubOf(() => second, trampoline);
    a.hub.graph = (each) => {
      order.push(`begin ${numberOf(each)}`);
      if (numberOf(each) === 1) {
        second.next(batch(10));
        first.next(batch(2));
      }
      order.push(`end ${numberOf(each)}`);
    };
    b.hub.graph = (each) => order.push(`report ${numberOf(each)}`);
    a.hub.start();
    b.hub.start();
    first.next(batch(1));
    expect(order).toEqual(['begin 1', 'end 1', 'report 10', 'begin 2', 'end 2']);
  });

  it('a graph that is replaced gets the next batch, and the source is not subscribed again', () => {
    const source = new Subject<Batch>();
    let opened = 0;
    const { hub, seen } = hubOf(() => {
      opened++;
      return source;
    });
    hub.start();
    source.next(batch(1));
    const later: number[] = [];
    hub.graph = (each) => later.push(numberOf(each));
    source.next(batch(2));
    expect({ seen, later, opened }).toEqual({ seen: [1], later: [2], opened: 1 });
  });

  it('unsubscribes when it stops', () => {
    let closed = 0;
    const { hub } = hubOf(() => new Observable(() => () => void closed++));
    hub.start();
    hub.stop();
    expect(closed).toBe(1);
  });
});
