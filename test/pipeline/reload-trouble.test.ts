/** What goes wrong while a plan is exchanged is undone or said, and stops nothing else. */

import { finalize, identity, Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineOperator, type SourceContext, stream } from '../../src/core/component.ts';
import { SourceError, UserError } from '../../src/core/errors.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { HalfUndone } from '../../src/pipeline/run/half-undone.ts';
import { LiveOperator } from '../../src/pipeline/run/live-operator.ts';
import { ManualSink, ManualSource } from './harness.ts';
import { flush, observed, running, stopped } from './reloading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a reload in which something goes wrong', () => {
  it('opens a source again that was refused, and no other', async () => {
    const [refused, other] = [observed(), observed()];
    let input = new ManualSource();
    const parts = {
      sources: {
        a: (ctx: SourceContext) => {
          refused.open(ctx);
          return input.input;
        },
        b: other.open,
      },
      sinks: { out: new ManualSink() },
    };
    const yaml = 'sources: { a: { type: a }, b: { type: b } }\nsinks: { out: { type: out, from: [a, b] } }';
    const { run, reload } = await running(yaml, parts);
    input.input.error(new SourceError('no right to listen'));
    input = new ManualSource();
    expect(run.status().ready).toBe(false);
    await reload(yaml);
    input.emit(1);
    await flush();
    expect([refused.seen.opened, other.seen.opened, run.status().ready]).toEqual([2, 1, true]);
    expect(await stopped(run)).toMatchObject({ seen: 1, delivered: 1 });
  });

  it('that is a fault of the program ends the run, and no source goes on beside it', async () => {
    const [before, fresh] = [observed(), observed()];
    const parts = {
      sources: { a: before.open, b: fresh.open },
      operators: { passing: () => stream(identity) },
      sinks: { out: new ManualSink() },
    };
    const yaml = (source: string) => `sources: { in: { type: ${source} } }
operators: { op: { type: passing, from: in } }
sinks: { out: { type: out, from: op } }`;
    const { run, reload } = await running(yaml('a'), parts);
    const start = vi.spyOn(LiveOperator.prototype, 'start').mockImplementationOnce(() => {
      throw new TypeError('a fault of ours');
    });
    await reload(yaml('b').replace('op:', 'another:').replace('from: op', 'from: another'));
    start.mockRestore();
    expect(await run.over).toMatchObject({ pressing: true, error: new TypeError('a fault of ours') });
    fresh.input.emit(3);
    await stopped(run);
    expect([before.seen, fresh.seen]).toMatchObject([
      { opened: 1, closed: 1 },
      { opened: 1, closed: 1 },
    ]);
  });

  describe('of sources that cannot be asked for less', () => {
    const yaml = (field: string, more = '') => `sources: { src: { type: src }, other: { type: other } }
operators: { some: { type: filter, from: [src, other], condition: '${field} = x' } }
sinks: { out: { type: out, from: some }${more} }`;
    const parts = (asked: { src: () => void; other: () => void }) => {
      const input = new ManualSource();
      const fresh = new ManualSink();
      const source = (ask: () => void) => (ctx: SourceContext) => {
        ctx.onDemand(ask);
        return input.input;
      };
      const sources = { src: source(asked.src), other: source(asked.other) };
      return { fresh, parts: { sources, sinks: { out: new ManualSink(), fresh } } };
    };
    // Each is asked twice: first for more, then for less.
    const secondly = () => {
      let times = 0;
      return () => {
        if (++times === 2) throw new UserError('that cannot be let go');
      };
    };

    it('has happened all the same, and says so', async () => {
      const other = vi.fn();
      const { run, lines, reload } = await running(yaml('proc.name'), parts({ src: secondly(), other }).parts);
      await reload(yaml('fd.name'));
      expect(run.plan.operators[0]?.config).toMatchObject({ condition: 'fd.name = x' });
      expect(lines).toContainEqual(expect.stringMatching(/src still gives what nothing wants .*cannot be let go/));
      expect(other).toHaveBeenCalledTimes(2);
      await stopped(run);
    });

    it('and that fails closes what it has opened, and says why it failed', async () => {
      const other = () => {
        throw new UserError('that cannot be had');
      };
      const { fresh, parts: given } = parts({ src: secondly(), other });
      const { run, lines, reload } = await running(yaml('proc.name'), given);
      await expect(reload(yaml('fd.name', ', fresh: { type: fresh, from: some }'))).rejects.toThrow(
        'that cannot be had',
      );
      expect(fresh.closed).toBe(1);
      expect(lines).toContainEqual(expect.stringMatching(/src still gives what nothing wants .*cannot be let go/));
      await stopped(run);
    });
  });

  it('closes what does not close well, and has happened', async () => {
    const stuck = (what: string) =>
      new Observable<Batch>(() => () => {
        throw new Error(`the ${what} is stuck`);
      });
    const source = observed();
    const parts = {
      sources: { src: source.open, broken: () => stuck('socket') },
      operators: { op: () => stream(() => stuck('window')) },
      sinks: { out: new ManualSink() },
    };
    const yaml = (sources: string, operators: string, from: string) =>
      `sources: { src: { type: src }${sources} }\n${operators}\nsinks: { out: { type: out, from: ${from} } }`;
    const broken = yaml(', b: { type: broken }', 'operators: { op: { type: op, from: src } }', '[b, op]');
    const { run, lines, reload } = await running(broken, parts);
    source.input.emit(1);
    await reload(yaml('', '', 'src'));
    source.input.emit(1, 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(run.plan.sources.map(({ id }) => id)).toEqual(['src']);
    for (const what of ['socket', 'window']) {
      expect(lines).toContainEqual(
        expect.stringMatching(new RegExp(`it did not close well: .*the ${what} is stuck`, 's')),
      );
    }
    // What the operator held has been given up; the rest goes on.
    expect(await stopped(run)).toMatchObject({ seen: 2, delivered: 1, dropped: 1 });
  });

  it('goes over although a stream that is replaced, or begins, throws what nobody catches: that is said once', async () => {
    const source = observed();
    const out = new ManualSink();
    const shut = () => {
      throw new Error('the window is stuck');
    };
    const sum = defineOperator({
      type: 'sum',
      summary: 'Passes all on.',
      config: z.strictObject({ size: z.int(), broken: z.boolean().default(false) }),
      examples: [],
      stateFor: () => 'the same',
      create: ({ broken }) =>
        stream((batches) => {
          if (!broken) return batches.pipe(finalize(shut));
          return new Observable((subscriber) => {
            subscriber.error(new Error('no such model'));
            return shut;
          });
        }),
    });
    const yaml = (sum: string) =>
      `sources: { src: { type: src } }\noperators: { op: { type: sum, from: src, ${sum} } }\nsinks: { out: { type: out, from: op } }`;
    const { run, lines, reload } = await running(yaml('size: 1'), { sources: { src: source.open }, sinks: { out } }, [
      sum,
    ]);
    const said = (part: string) => lines.filter((line) => line.includes(part)).length;
    source.input.emit(1);
    await reload(yaml('size: 2'));
    expect(run.plan.operators[0]?.config).toMatchObject({ size: 2 });
    source.input.emit(1, 1);
    await flush();
    expect([out.got, said('it did not close well')]).toEqual([[0, 1], 1]);
    await reload(yaml('size: 3, broken: true'));
    expect([run.plan.operators[0]?.config, said('op failed and starts anew')]).toEqual([{ size: 3, broken: true }, 1]);
    await reload(yaml('size: 4'));
    source.input.emit(1, 2);
    await flush();
    expect([out.got, source.seen.opened, out.closed]).toEqual([[0, 1, 2], 1, 0]);
    expect(await stopped(run)).toMatchObject({ seen: 3, delivered: 3 });
  });

  it('that fails leaves everything as it was: sinks, operators, sources', async () => {
    const source = observed();
    const out = new ManualSink();
    const broken = () => {
      throw new Error('no model');
    };
    const shut = () => {
      throw new UserError('no such queue');
    };
    const parts = { sources: { src: source.open, shut }, operators: { broken }, sinks: { out } };
    const good = 'sources: { src: { type: src } }\nsinks: { out: { type: out, from: src } }';
    const { run, reload } = await running(good, parts);
    const bad = [
      [good.replace('sinks: { ', 'sinks: { no: { type: file, from: src, path: /dev/null/x }, '), /^The sink no cannot/],
      [`${good.replace('from: src', 'from: op')}\noperators: { op: { type: broken, from: src } }`, /^The operator op/],
      [good.replace('type: src', 'type: shut'), /^no such queue/],
    ] as const;
    for (const [yaml, message] of bad) {
      await expect(reload(yaml)).rejects.toThrow(message);
      source.input.emit(1, 7);
      await flush();
      expect(out.got.splice(0)).toEqual([7]);
    }
    // Only the one that was to be replaced had to be closed, and is back.
    expect([source.seen.opened, source.seen.closed, out.closed]).toEqual([2, 1, 0]);
    let over = false;
    void run.over.then(() => (over = true));
    await flush();
    expect(over).toBe(false);
    await stopped(run);
  });

  it('and an old source that does not open again: it is tried on, both are said, and others can still end the run', async () => {
    const source = observed();
    const other = new ManualSource();
    let taken = true;
    const parts = {
      sources: {
        src: (ctx: SourceContext) => {
          if (source.seen.opened > 0 && taken) throw new UserError('the port is taken');
          return source.open(ctx);
        },
        other: () => other.input,
        shut: () => {
          throw new UserError('no such queue');
        },
      },
      sinks: { out: new ManualSink() },
    };
    const good = 'sources: { a: { type: src }, b: { type: other } }\nsinks: { out: { type: out, from: [a, b] } }';
    const { run, lines, reload } = await running(good, parts);
    const refused = await reload(good.replace('type: src', 'type: shut')).catch((error) => error);
    expect(refused).toBeInstanceOf(HalfUndone);
    expect(refused.message).toBe('no such queue\nClosed for the reload, and not open again yet: a: the port is taken');
    expect(run.status().problems).toContain('source a: the port is taken');
    expect(lines).toContainEqual(expect.stringMatching(/source a failed: the port is taken; opening it again in/));
    taken = false;
    await vi.advanceTimersByTimeAsync(1000);
    source.input.emit(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect([source.seen.opened, run.status().ready]).toEqual([2, true]);
    let over: unknown;
    void run.over.then((end) => (over = end));
    other.input.error(new UserError('the disk is gone'));
    await flush();
    expect(over).toMatchObject({ why: 'source b failed', error: { message: 'the disk is gone' } });
    expect(await stopped(run)).toMatchObject({ seen: 1, delivered: 1 });
  });
});
