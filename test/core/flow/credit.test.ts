import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Credit } from '../../../src/core/flow/credit.ts';
import { tick } from '../shared.ts';

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 14 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), pick: fc.nat() }) },
);

interface Request {
  readonly id: number;
  readonly count: number;
  readonly stop: AbortController;
}

describe('Credit', () => {
  it('grants in the order it was asked, never more than the limit, and everything in the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 40 }), async (limit, steps) => {
        const credit = new Credit(limit);
        const waiting: Request[] = [];
        const held: Request[] = [];
        const granted: number[] = [];
        const refused: [number, unknown][] = [];
        const asked: number[] = [];
        const aborted = new Set<number>();
        const used = () => held.reduce((sum, { count }) => sum + count, 0);
        const check = async () => {
          await tick();
          expect(credit.used).toBe(used());
          // Above the limit only one request that is larger by itself.
          if (credit.used > limit) expect(held).toHaveLength(1);
          // Nobody waits who could go on.
          const first = waiting[0];
          if (first) expect(held.length > 0 && used() + first.count > limit).toBe(true);
        };
        for (const each of steps) {
          if (each.do === 'take') {
            const request: Request = { id: asked.length, count: each.count, stop: new AbortController() };
            asked.push(request.id);
            waiting.push(request);
            const leave = () => waiting.splice(waiting.indexOf(request), 1);
            credit.take(request.count, request.stop.signal).then(
              () => {
                leave();
                granted.push(request.id);
                held.push(request);
              },
              (reason) => {
                leave();
                refused.push([request.id, reason]);
              },
            );
          } else if (each.do === 'release' && held.length > 0) {
            const [request] = held.splice(each.pick % held.length, 1);
            credit.release(request?.count ?? 0);
          } else if (each.do === 'abort' && waiting.length > 0) {
            const request = waiting[each.pick % waiting.length] as Request;
            aborted.add(request.id);
            request.stop.abort(new Error('stop'));
          }
          await check();
        }
        for (let some = held.pop(); some; some = held.pop()) {
          credit.release(some.count);
          await check();
        }
        expect(waiting).toEqual([]);
        expect(granted).toEqual(asked.filter((id) => !aborted.has(id)));
        expect(refused.map(([id, reason]) => [id, (reason as Error).message])).toEqual(
          [...aborted].map((id) => [id, 'stop']),
        );
        expect(credit.used).toBe(0);
      }),
    );
  });

  it('rejects, and does not throw, when the signal is aborted beforehand; nothing is taken', async () => {
    const credit = new Credit(1);
    const promise = credit.take(1, AbortSignal.abort(new Error('stopped')));
    await expect(promise).rejects.toThrow('stopped');
    expect(credit.used).toBe(0);
  });

  it('a signal that is aborted after the grant takes nothing back', async () => {
    const credit = new Credit(2);
    const stop = new AbortController();
    await credit.take(2, stop.signal);
    stop.abort();
    expect(credit.used).toBe(2);
  });

  it('a small request does not overtake a large one', async () => {
    const credit = new Credit(10);
    const order: string[] = [];
    await credit.take(6);
    void credit.take(8).then(() => order.push('large'));
    void credit.take(1).then(() => order.push('small'));
    await tick();
    expect(order).toEqual([]);
    credit.release(6);
    await tick();
    expect(order).toEqual(['large', 'small']);
  });
});
