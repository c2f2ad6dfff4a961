/** Following a runtime by virtual time; over real sockets in test/sources/container.test.ts. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { followAll } from '../../src/containers/follow.ts';
import type { Present } from '../../src/containers/runtime.ts';
import { FakeRuntime, has, id } from './fake-runtime.ts';
import { followed, pass, START } from './followed.ts';

describe('Following a runtime', () => {
  it('a first connection that is made at once has missed nothing, and tells nothing of what is there', async () => {
    const runtime = new FakeRuntime();
    runtime.present = async () => has([1, 'running'], [2, 'ended']);
    const { said, end } = await followed(runtime);
    runtime.tell({ type: 'create', id: id(3) });
    await pass(60_000);
    end();
    expect(said).toEqual(['docker is seen', 'create 3']);
  });

  it('each span without a connection is one gap, also where nothing was said in between', async () => {
    const runtime = new FakeRuntime();
    const { said } = await followed(runtime);
    for (const [at, reason] of [
      [1000, 'first'],
      [2000, 'second'],
      [3000, 'third'],
    ] as const) {
      await pass(START + at - Date.now());
      runtime.drop(reason);
      await pass(900);
    }
    // The second wait is longer: such a connection is none to come back to at once.
    expect(said).toEqual([
      'docker is seen',
      'docker: first',
      'gap 1000-1500: first, 0',
      'docker is seen',
      'docker: second',
      'gap 2000-2750: second, 0',
      'docker is seen',
      'docker: third',
    ]);
    await pass(1000);
    expect(said.slice(-2)).toEqual(['gap 3000-4125: third, 0', 'docker is seen']);
  });

  it('however often it is tried, it is one gap', async () => {
    const runtime = new FakeRuntime();
    runtime.refusal = new Error('connect ENOENT');
    const { said } = await followed(runtime);
    await pass(10_000);
    runtime.refusal = undefined;
    expect(runtime.tries.length).toBeGreaterThan(5);
    await pass(30_000);
    expect(said.filter((each) => each.startsWith('gap'))).toHaveLength(1);
    expect(said.at(-2)).toBe(`gap 0-${(runtime.tries.at(-1) ?? 0) - START}: connect ENOENT, 0`);
    expect(said.filter((each) => each === 'docker: connect ENOENT')).toHaveLength(runtime.tries.length - 1);
  });

  it('a connection that has lasted is made again soon, one that is lost again and again ever later', async () => {
    const runtime = new FakeRuntime();
    await followed(runtime);
    for (let times = 0; times < 20; times++) {
      runtime.drop();
      await pass(30_000);
      runtime.tries.splice(0);
    }
    runtime.drop();
    await pass(500);
    expect(runtime.tries, 'after 30 s less the wait').toHaveLength(1);
    for (let times = 0; times < 20; times++) {
      runtime.drop();
      while (runtime.tries.length < times + 2) await pass(1000);
    }
    runtime.drop();
    await pass(29_000);
    expect(runtime.tries).toHaveLength(21);
    await pass(1000);
    expect(runtime.tries).toHaveLength(22);
  });

  it('what came and went meanwhile is found by what there is then, each once', async () => {
    const runtime = new FakeRuntime();
    runtime.present = async () => has([1, 'running'], [2, 'ended'], [3, 'created'], [4, 'running'], [5, 'running']);
    const { said, told } = await followed(runtime);
    runtime.tell({ type: 'die', id: id(4), time: 1n });
    await pass(1000);
    runtime.drop();
    runtime.present = async () => {
      const present = has([3, 'running'], [4, 'running'], [5, 'ended'], [6, 'running'], [7, 'ended'], [8, 'created']);
      // Told by the new connection before the answer comes; the last one is of the moment after.
      runtime.tell({ type: 'start', id: id(6), time: BigInt(Date.now()) * 1_000_000n });
      runtime.tell({ type: 'start', id: id(8), time: BigInt(Date.now()) * 1_000_000n });
      await Promise.resolve();
      return present;
    };
    await pass(1000);
    expect(said.slice(2)).toEqual([
      'docker: dropped',
      'gap 1000-1500: dropped, 12',
      'docker is seen',
      ...['die 1', 'remove 1', 'remove 2', 'start 3', 'start 4', 'die 5'],
      ...['create 6', 'start 6', 'create 7', 'start 7', 'die 7', 'create 8', 'start 8'],
    ]);
    expect(told.slice(1, -1).map(({ time }) => time)).toEqual(new Array(12).fill(BigInt(START + 1500) * 1_000_000n));
  });

  it('what comes before the runtime has said what it has is told after that', async () => {
    const runtime = new FakeRuntime();
    const { said } = await followed(runtime);
    runtime.drop();
    const listing = Promise.withResolvers<Present[]>();
    runtime.present = () => listing.promise;
    await pass(500);
    runtime.tell({ type: 'create', id: id(2), time: BigInt(Date.now()) * 1_000_000n });
    runtime.tell({ type: 'remove', id: id(2), time: BigInt(Date.now()) * 1_000_000n });
    await pass(200);
    expect(said).toEqual(['docker is seen', 'docker: dropped']);
    listing.resolve(has([1, 'created']));
    await pass(0);
    expect(said.slice(2)).toEqual(['gap 0-700: dropped, 1', 'docker is seen', 'create 1', 'create 2', 'remove 2']);
  });

  it('a gap that is open in the end is told then', async () => {
    const runtime = new FakeRuntime();
    const { said, end } = await followed(runtime);
    runtime.drop();
    runtime.refusal = new Error('gone');
    await pass(5000);
    end();
    expect(said.at(-1)).toBe('gap 0-5000: dropped, 0');
    const length = said.length;
    await pass(100_000);
    expect(said).toHaveLength(length);
  });

  it('nothing that was read is lost with the connection, however slow the follower', async () => {
    const runtime = new FakeRuntime();
    const { said } = await followed(runtime, () => new Promise((resolve) => setTimeout(resolve, 300)));
    for (let number = 1; number <= 5; number++) runtime.tell({ id: id(number) });
    runtime.drop();
    await pass(10_000);
    expect(said.filter((each) => each.startsWith('create'))).toEqual([1, 2, 3, 4, 5].map((each) => `create ${each}`));
    expect(said).toContain('gap 0-500: dropped, 5');
  });

  it('more than the follower can look at is a gap', async () => {
    const runtime = new FakeRuntime();
    const { said } = await followed(runtime, () => new Promise(() => {}));
    for (let number = 0; number < 10_001; number++) runtime.tell({ id: id(number) });
    await pass(0);
    expect(said).toEqual(['docker is seen', 'docker: its events come faster than they can be looked at']);
  });

  it('ends with what the follower has thrown', async () => {
    const runtime = new FakeRuntime();
    const { over } = await followed(runtime, () => Promise.reject(new Error('a mistake')));
    runtime.tell({});
    await pass(0);
    await expect(over).rejects.toThrow('a mistake');
  });

  it('ends when it is not known which runtimes there are, and with what is thrown while trouble is told', async () => {
    const unknown = await followed(() => {
      throw new Error('EACCES /run/user');
    });
    await expect(unknown.over).rejects.toThrow('EACCES');
    const runtime = new FakeRuntime();
    const over = followAll(
      { all: async () => [runtime] },
      {
        signal: new AbortController().signal,
        event: () => {},
        trouble: () => {
          throw new Error('a mistake');
        },
      },
    );
    over.catch(() => {});
    runtime.refusal = new Error('connect ENOENT');
    await pass(10_000);
    await expect(over).rejects.toThrow('a mistake');
  });

  it('what was told is always what there is, and gaps are the spans without a connection', async () => {
    const number = fc.integer({ min: 1, max: 4 });
    const act = fc.oneof(
      { weight: 6, arbitrary: fc.record({ what: fc.constantFrom('create', 'start', 'die', 'remove'), number }) },
      { weight: 1, arbitrary: fc.constantFrom({ what: 'drop' }, { what: 'refuse' }, { what: 'accept' }) },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('wait'), number: fc.integer({ min: 1, max: 900 }) }) },
    );
    const NEXT = { create: [undefined], start: ['created', 'ended'], die: ['running'], remove: ['created', 'ended'] };
    const STATE = { create: 'created', start: 'running', die: 'ended', remove: undefined } as const;
    await fc.assert(
      fc.asyncProperty(
        fc.array(act as fc.Arbitrary<{ what: string; number?: number }>, { maxLength: 60 }),
        async (acts) => {
          const runtime = new FakeRuntime();
          const there = new Map<string, Present['state']>();
          runtime.present = async () => [...there].map(([id, state]) => ({ id, state }));
          const { told, gaps, end } = await followed(runtime);
          const put = (to: typeof there, of: string, type: keyof typeof STATE) =>
            STATE[type] ? to.set(of, STATE[type]) : to.delete(of);
          const dropped: number[] = [];
          for (const { what, number = 0 } of acts) {
            if (what === 'wait') await pass(number);
            else if (what === 'refuse') runtime.refusal = new Error('refused');
            else if (what === 'accept') runtime.refusal = undefined;
            else if (what === 'drop') {
              if (gaps.length === dropped.length) {
                dropped.push(Date.now());
                runtime.drop();
                await pass(0);
              }
            } else {
              const type = what as keyof typeof STATE;
              if (!(NEXT[type] as unknown[]).includes(there.get(id(number)))) continue;
              put(there, id(number), type);
              runtime.tell({ type, id: id(number), time: BigInt(Date.now()) * 1_000_000n + 999_999n });
            }
          }
          runtime.refusal = undefined;
          await pass(60_000);
          const seen = new Map<string, Present['state']>();
          for (const each of told) {
            expect(NEXT[each.type]).toContain(seen.get(each.id));
            put(seen, each.id, each.type);
          }
          expect(seen).toEqual(there);
          expect(gaps.map(({ from }) => from)).toEqual(dropped);
          expect(gaps.map(({ to }) => to)).toEqual(runtime.connections.slice(1));
          end();
        },
      ),
      { numRuns: 200 },
    );
  });
});
