/** An operator that goes over to reading something else while it runs: what its sources are asked for, and when. */

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type Demands,
  defineOperator,
  defineSource,
  type OperatorContext,
  type SourceContext,
  where,
} from '../../src/core/component.ts';
import { Stopping, UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { recordedLog } from '../core/shared.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

const opens = (...prefixes: string[]): Demands => {
  const paths = prefixes.map((value) => ({ of: 'text' as const, kind: 'prefix' as const, value }));
  return new Map([
    [
      'syscall',
      { fields: new Set(['fd.name']), types: new Set(['openat']), where: new Map([['openat', [{ paths }]]]) },
    ],
  ]);
};

/** The prefixes of opens that are wanted; `all` of them. */
function prefixesIn(demands: Demands): string {
  const clauses = demands.get('syscall')?.where?.get('openat');
  const values = clauses?.flatMap(({ paths = [] }) => paths.map(({ value }) => value));
  return values === undefined ? 'all' : [...new Set(values)].sort().join(' ');
}

/**
 * Sources of type `src`, which log what they are asked for (`id: prefixes`), and operators of type `looks`, whose contexts
 * are `at`; what their `first` says is what they read at first.
 */
function parts() {
  const log: string[] = [];
  const at = new Map<string, OperatorContext>();
  const control = { refuse: false, failOpen: false, fails: (_asked: string) => false };
  const registry = registryOf({ sinks: { out: new ManualSink() } });
  const common = { summary: 'For tests.', examples: [] };
  const open = (ctx: SourceContext) => {
    if (control.failOpen) {
      control.failOpen = false;
      throw new UserError('that cannot be opened');
    }
    log.push(`${ctx.id} opens: ${prefixesIn(ctx.demand)}`);
    ctx.onDemand((demand) => {
      if (control.refuse) throw new UserError('that cannot be had');
      log.push(`${ctx.id}: ${prefixesIn(demand)}`);
      if (control.fails(prefixesIn(demand))) throw new UserError('that is half done');
    });
    return new ManualSource().input;
  };
  registry.add(
    defineSource({
      ...common,
      type: 'src',
      config: z.strictObject({ variant: z.string().default('') }),
      delivery: 'at_most_once',
      emits: () => ['syscall'],
      open: (_config, ctx) => open(ctx),
    }),
    'test',
  );
  registry.add(
    defineOperator({
      ...common,
      type: 'looks',
      config: z.strictObject({ first: z.string(), made: z.string().default('') }),
      // What it read at first is no part of what it is, as with a list that has other items meanwhile.
      prepare: ({ first }) => ({ reads: opens(first) }),
      create: (_config, ctx) => {
        at.set(ctx.id, ctx);
        return where(() => true);
      },
    }),
    'test',
  );
  const plan = (text: string) => planPipeline(PipelineDocument.parse('test.yaml', text), registry);
  const start = async (yaml: string) => {
    const { log: logger } = recordedLog();
    const run = await Run.start(plan(yaml), { log: logger, resolve: String });
    log.length = 0;
    const change = (id: string, ...prefixes: string[]) =>
      (at.get(id) as OperatorContext).changeReads(
        function* () {
          yield;
          return opens(...prefixes);
        },
        () => void log.push(`${id} changes`),
      );
    return { run, change, reload: (text: string) => run.reload(plan(text)) };
  };
  return { log, control, start };
}

const one = (more = '', source = '') => `sources: { src: { type: src${source} } }
operators: { a: { type: looks, from: src, first: /a }${more} }
sinks: { out: { type: out, from: [a${more === '' ? '' : ', b'}] } }`;
const two = one(', b: { type: looks, from: src, first: /b }');

describe('an operator that goes over to reading something else', () => {
  it('has its source asked for both before it does, and for no more than that after it', async () => {
    const { log, start } = parts();
    const { run, change } = await start(one());
    await change('a', '/x', '/y');
    expect(log).toEqual(['src: /a /x /y', 'a changes', 'src: /x /y']);
    log.length = 0;
    await change('a', '/y');
    expect(log).toEqual(['src: /x /y', 'a changes', 'src: /y']);
    await run.stop(1000);
  });

  it('asks nothing of a source that does not feed it, nor when it reads the same as before', async () => {
    const { log, start } = parts();
    const yaml = `sources: { src: { type: src }, other: { type: src } }
operators: { a: { type: looks, from: src, first: /a }, b: { type: looks, from: other, first: /b } }
sinks: { out: { type: out, from: [a, b] } }`;
    const { run, change } = await start(yaml);
    await change('a', '/a');
    expect(log).toEqual(['a changes']);
    log.length = 0;
    await change('b', '/c');
    expect(log).toEqual(['other: /b /c', 'b changes', 'other: /c']);
    await run.stop(1000);
  });

  it('leaves what others read of the same source; changes that come together follow one another', async () => {
    const { log, start } = parts();
    const { run, change } = await start(two);
    await Promise.all([change('a', '/x'), change('b', '/y'), change('a', '/z')]);
    expect(log).toEqual([
      'src: /a /b /x',
      'a changes',
      'src: /b /x',
      'src: /b /x /y',
      'b changes',
      'src: /x /y',
      'src: /x /y /z',
      'a changes',
      'src: /y /z',
    ]);
    await run.stop(1000);
  });

  it('does not where a source cannot give it, and all is as before', async () => {
    const { log, control, start } = parts();
    const { run, change } = await start(two);
    control.refuse = true;
    await expect(change('a', '/x')).rejects.toThrow('that cannot be had');
    expect(log).toEqual([]);
    control.refuse = false;
    await change('b', '/y');
    expect(log).toEqual(['src: /a /b /y', 'b changes', 'src: /a /y']);
    await run.stop(1000);
  });

  it('does not where a source gives half of it: that is asked for what it gave before', async () => {
    const { log, control, start } = parts();
    const { run, change } = await start(two);
    control.fails = (asked) => asked.includes('/x');
    await expect(change('a', '/x')).rejects.toThrow('that is half done');
    expect(log).toEqual(['src: /a /b /x', 'src: /a /b']);
    await run.stop(1000);
  });

  it('and a source that could not be asked for less: that is asked again with the next change, once', async () => {
    const { log, control, start } = parts();
    const { run, change } = await start(two);
    control.fails = (asked) => asked === '/b /x';
    await change('a', '/x');
    expect(log).toEqual(['src: /a /b /x', 'a changes', 'src: /b /x']);
    control.fails = () => false;
    log.length = 0;
    for (const _ of [1, 2]) await change('a', '/x');
    expect(log).toEqual(['src: /a /b /x', 'a changes', 'src: /b /x', 'a changes']);
    await run.stop(1000);
  });

  it('does not when the run stops', async () => {
    const { log, start } = parts();
    const { run, change } = await start(one());
    const stopping = run.stop(1000);
    await expect(change('a', '/x')).rejects.toBeInstanceOf(Stopping);
    await stopping;
    expect(log).toEqual([]);
  });

  it('below one that passes events on: that source is asked for what that one wants', async () => {
    const { log, start } = parts();
    const { run, change } = await start(`sources: { src: { type: src } }
operators: { some: { type: looks, from: src, first: /some }, a: { type: looks, from: some, first: /a } }
sinks: { out: { type: out, from: a } }`);
    await change('a', '/x');
    expect(log).toEqual(['a changes']);
    log.length = 0;
    await change('some', '/other');
    expect(log).toEqual(['src: /other /some', 'some changes', 'src: /other']);
    await run.stop(1000);
  });
});

describe('a reload with an operator that reads something else than was planned', () => {
  it('that stays is given what it reads now, whatever else comes and goes', async () => {
    const { log, start } = parts();
    const { run, change, reload } = await start(one());
    await change('a', '/x');
    log.length = 0;
    await reload(two);
    expect(log).toEqual(['src: /b /x', 'src: /b /x']);
    log.length = 0;
    await reload(one());
    expect(log).toEqual(['src: /b /x', 'src: /x']);
    await run.stop(1000);
  });

  it('that stays, below a source that is opened anew', async () => {
    const { log, start } = parts();
    const { run, change, reload } = await start(one());
    await change('a', '/x');
    log.length = 0;
    await reload(one('', ', variant: other'));
    expect(log).toEqual(['src opens: /x']);
    await run.stop(1000);
  });

  it('that is made anew reads what is planned', async () => {
    const { log, start } = parts();
    const { run, change, reload } = await start(one());
    await change('a', '/x');
    log.length = 0;
    await reload(one().replace('first: /a', 'first: /a, made: anew'));
    expect(log).toEqual(['src: /a /x', 'src: /a']);
    await run.stop(1000);
  });

  it('and a source that cannot be opened as it would be: the old one is opened again for what is read now', async () => {
    const { log, control, start } = parts();
    const { run, change, reload } = await start(one());
    await change('a', '/x');
    log.length = 0;
    control.failOpen = true;
    await expect(reload(one('', ', variant: other'))).rejects.toThrow('that cannot be opened');
    expect(log).toEqual(['src opens: /x']);
    await run.stop(1000);
  });

  it('comes to its turn when it is over, and before the next', async () => {
    const { log, start } = parts();
    const { run, change, reload } = await start(one());
    await Promise.all([reload(two), change('a', '/x'), reload(one())]);
    expect(log).toEqual([
      'src: /a /b',
      'src: /a /b',
      'src: /a /b /x',
      'a changes',
      'src: /b /x',
      'src: /b /x',
      'src: /x',
    ]);
    await run.stop(1000);
  });
});
