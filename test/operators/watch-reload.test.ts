/** What `watch` knows when its inventory or its settings change, while it runs and over a restart. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventRecord } from '../../src/events/record.ts';
import type { WatchState } from '../../src/operators/watch/config.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import type { PlannedOperator } from '../../src/pipeline/plan/planned.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Store } from '../../src/store/store.ts';
import { scratch } from '../scratch.ts';
import { type OperatorRun, start } from './shared.ts';

let folder = '';
let table = '';
beforeEach(() => {
  folder = scratch();
  table = join(folder, 'nodes.csv');
});

const inventory = (...names: string[]) => writeFileSync(table, ['name', ...names, ''].join('\n'));
const watching = (more = '') =>
  `{ type: watch, from: kernel, key: proc.name, silent: 6s, expect: { table: ${table} }, rule: Quiet${more} }`;
const call = (name: string) => new EventRecord('syscall', 'open', 7n, { 'proc.name': name });
const said = ({ events }: OperatorRun) =>
  events.map((event) => `${event.get('proc.name')} ${event.get('watch.state')}`);
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

describe('an inventory that changes', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Begins with `names` expected; `edit` writes the inventory anew and loads it. */
  async function begin(...names: string[]) {
    inventory(...names);
    const run = await start(watching());
    const edit = async (...others: string[]) => {
      inventory(...others);
      await run.reload(watching());
    };
    return { run, edit };
  }

  it('does not make who was alive forgotten, nor the silence so far', async () => {
    const { run, edit } = await begin('a');
    run.put([call('ghost'), call('a')]);
    await pass(4);
    await edit('a', 'b');
    run.put([call('a'), call('b')]);
    await pass(1.9);
    expect(said(run)).toEqual([]);
    await pass(0.2);
    expect(said(run)).toEqual(['ghost silent']);
    run.put([call('ghost')]);
    await run.running.stop();
    expect(said(run)).toEqual(['ghost silent', 'ghost back']);
  });

  it('has what came in the last moment before', async () => {
    const { run, edit } = await begin('a');
    run.put([call('a'), call('ghost')]);
    await edit('a', 'b');
    run.put([call('a'), call('b')]);
    await pass(6.1);
    expect(said(run).sort()).toEqual(['a silent', 'b silent', 'ghost silent']);
    await run.running.stop();
  });

  it('leaves those silent and missing that were, told once', async () => {
    const { run, edit } = await begin('never');
    run.put([call('ghost')]);
    await pass(6.1);
    expect(said(run).sort()).toEqual(['ghost silent', 'never missing']);
    await edit('never', 'b');
    await pass(3);
    expect(run.events).toHaveLength(2);
    run.put([call('ghost'), call('never')]);
    await pass(0.1);
    expect(said(run).slice(2)).toEqual(['ghost back', 'never back']);
    await run.running.stop();
  });

  it('is the one that counts: what is new is waited for, what is gone is not, what was waited for is no longer', async () => {
    const { run, edit } = await begin('never', 'gone');
    await pass(4);
    await edit('never', 'new');
    await pass(2.1);
    expect(said(run)).toEqual(['never missing']);
    await pass(4);
    expect(said(run)).toEqual(['never missing', 'new missing']);
    await run.running.stop();
  });

  it('changes nothing when it changes again and again', async () => {
    const { run, edit } = await begin('never');
    run.put([call('ghost')]);
    for (let n = 0; n < 8; n++) {
      await edit('never', `node-${n}`);
      await pass(0.8);
    }
    expect(said(run).sort()).toEqual(['ghost silent', 'never missing']);
    await run.running.stop();
  });

  it('nor does another length of silence make it forget; another key is another state', async () => {
    const { run } = await begin('a');
    run.put([call('a'), call('ghost')]);
    await pass(4);
    await run.reload(watching().replace('silent: 6s', 'silent: 8s'));
    run.put([call('a')]);
    await pass(3.9);
    expect(said(run)).toEqual([]);
    await pass(0.2);
    expect(said(run)).toEqual(['ghost silent']);
    await run.reload(watching().replace('key: proc.name', 'key: proc.exe'));
    await pass(7);
    expect(run.events.slice(1).map((event) => event.get('watch.state'))).toEqual(['missing']);
    await run.running.stop();
  });
});

/** A life of the program with a state folder. */
async function life(operator: string, work: (run: OperatorRun) => Promise<void>, write?: () => Promise<void>) {
  const store = await Store.open(join(folder, 'state'), (error) => {
    throw error;
  });
  const run = await start(operator, store, write);
  await work(run);
  await run.running.stop(100);
  await store.close();
  return said(run);
}

it('an inventory that has changed over a restart leaves who was alive known', async () => {
  inventory('a');
  const quick = () => watching().replace('silent: 6s', 'silent: 1s');
  expect(await life(quick(), async (run) => run.put([call('a'), call('ghost')]))).toEqual([]);
  inventory('a', 'b');
  const second = await life(quick(), async (run) => {
    run.put([call('a'), call('b')]);
    await vi.waitFor(() => expect(run.events).toHaveLength(3), { timeout: 10_000 });
  });
  expect(second.sort()).toEqual(['a silent', 'b silent', 'ghost silent']);
});

it('an alert that had not arrived when the program ended arrives in its next life', async () => {
  inventory('a');
  const quick = watching().replace('silent: 6s', 'silent: 300ms');
  let tried = 0;
  const refuse = async () => {
    tried++;
    throw new Error('nobody is there');
  };
  const first = await life(
    quick,
    (run) => {
      run.put([call('a')]);
      return vi.waitFor(() => expect(tried).toBeGreaterThan(0), { timeout: 10_000 });
    },
    refuse,
  );
  expect(first).toEqual([]);
  const second = await life(quick, (run) => vi.waitFor(() => expect(run.events).toHaveLength(1), { timeout: 10_000 }));
  expect(second).toEqual(['a silent']);
});

it('what goes to another replica from now on is not waited for here', () => {
  const isHereOf = (mine: string) => {
    const nats = `{ type: nats, servers: 'nats://127.0.0.1', stream: S, subject: s, partitions: { of: 4, mine: ${mine} } }`;
    const yaml = `sources: { nodes: ${nats} }
operators: { lost: { type: watch, from: nodes, source: internal, key: [rule, node.name], rule: Quiet } }
sinks: { out: { type: stdout, from: lost } }`.replace(
      '[rule, node.name]',
      '{ alert: [rule, node.name], internal: node.name }',
    );
    const [operator] = planPipeline(PipelineDocument.parse('test.yaml', yaml), builtIn()).operators;
    return (operator as PlannedOperator & { prepared: { state: WatchState } }).prepared.state.isHere;
  };
  const [some, others] = [isHereOf('[0, 1]'), isHereOf('[2, 3]')];
  const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
  for (const of of [
    ...names.map((name) => ({ source: 'internal', values: [name] })),
    ...names.map((name) => ({ source: 'alert', values: ['A rule', name] })),
  ]) {
    expect(some?.(of)).not.toBe(others?.(of));
  }
  expect(new Set(names.map((name) => some?.({ source: 'internal', values: [name] })))).toEqual(new Set([true, false]));
});
