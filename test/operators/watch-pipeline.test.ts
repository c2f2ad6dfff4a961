import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineSink, type Sink } from '../../src/core/component.ts';
import { hostName } from '../../src/core/host.ts';
import { EventRecord } from '../../src/events/record.ts';
import { partitionOf } from '../../src/nats/partition.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import type { PlannedOperator } from '../../src/pipeline/plan/planned.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedAck, recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { alertOf } from '../sinks/shared.ts';
import { errorsOf, type OperatorRun, planned, start } from './shared.ts';

const beat = (name: string) => new EventRecord('internal', 'heartbeat', 1n, { 'node.name': name });

describe('watch in a pipeline', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const call = (name: string, type = 'open') => new EventRecord('syscall', type, 7n, { 'proc.name': name });

  it('raises alerts about what its condition lets count', async () => {
    const run = await start(
      '{ type: watch, from: kernel, key: proc.name, silent: 1m, condition: evt.type = open, rule: Quiet, priority: Critical, tags: [health] }',
    );
    const ack = recordedAck();
    run.put([call('cron'), call('cron', 'close'), call('sshd', 'close')], ack);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(ack.settled).toEqual([['absorbed', undefined]]);
    const [alert] = run.events;
    expect(run.events).toHaveLength(1);
    expect(alert?.fields).toMatchObject({
      rule: 'Quiet',
      priority: 'Critical',
      tags: ['health'],
      source: 'syscall',
      output: 'Quiet: nothing has come for 60 s (proc.name=cron)',
      'proc.name': 'cron',
      'watch.state': 'silent',
      'watch.silence': 60,
      'watch.last_time': 7n,
    });
    await vi.advanceTimersByTimeAsync(30_000);
    run.put([call('cron')]);
    expect(run.events[1]?.fields ?? {}).toEqual({});
    await run.running.stop();
    expect(run.events[1]?.fields).toMatchObject({
      priority: 'Notice',
      output: 'Quiet: back after 91 s (proc.name=cron)',
      'watch.state': 'back',
    });
  });

  it('raises alerts about what is expected and never comes', async () => {
    const run = await start(
      '{ type: watch, from: kernel, key: proc.name, expect: [cron, sshd], silent: 10m, within: 1m, rule: Quiet, priority: Critical }',
    );
    run.put([call('cron')]);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(run.events.map(({ fields }) => fields)).toMatchObject([
      {
        priority: 'Critical',
        source: 'syscall',
        output: 'Quiet: expected, and nothing has come for 60 s (proc.name=sshd)',
        'proc.name': 'sshd',
        'watch.state': 'missing',
        'watch.silence': 60,
      },
    ]);
    expect(run.events[0]?.get('watch.last_time') ?? undefined).toBeUndefined();
    run.put([call('sshd')]);
    await run.running.stop();
    expect(run.events[1]?.fields).toMatchObject({
      priority: 'Notice',
      output: 'Quiet: back after 61 s (proc.name=sshd)',
      'watch.state': 'back',
    });
  });

  it('of several event sources counts those of one, and settles the others', async () => {
    const run = await start(
      '{ type: watch, from: [in, kernel], source: syscall, key: { syscall: proc.name, alert: rule }, silent: 1s, rule: Quiet }',
    );
    run.put([call('cron'), alertOf('a')]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await run.running.stop()).toMatchObject({ seen: 2, in_flight: 0 });
    expect(run.events.map((event) => event.get('proc.name'))).toEqual(['cron']);
  });

  it('events without the key do not count, and are settled', async () => {
    const run = await start('{ type: watch, from: kernel, key: user.name, silent: 1s, rule: Quiet }');
    run.put([call('cron')]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await run.running.stop()).toMatchObject({ seen: 1, filtered: 1, in_flight: 0 });
    expect(run.events).toEqual([]);
  });

  it('knows its own node, whose events never left it', async () => {
    const registry = builtIn();
    const got: EventRecord[] = [];
    const kept = { write: async (events: readonly EventRecord[]) => void got.push(...events), close: async () => {} };
    const kind = { type: 'kept', summary: 'For tests.', config: z.strictObject({}), examples: [] };
    registry.add(defineSink({ ...kind, open: async () => kept as unknown as Sink }), 'test');
    const watching = `type: watch, key: node.name, expect: [${hostName()}, other], silent: 1m, rule: Quiet`;
    const text = `sources: { self: { type: internal, heartbeat: 10s } }
operators: { lost: { ${watching}, from: self, source: internal, condition: evt.type = heartbeat } }
sinks: { out: { type: kept, from: lost } }`;
    const plan = planPipeline(PipelineDocument.parse('test.yaml', text), registry);
    const run = await Run.start(plan, { log: recordedLog().log, resolve: String });
    await vi.advanceTimersByTimeAsync(600_000);
    await run.stop();
    expect(got.map((event) => [event.get('node.name'), event.get('watch.state')])).toEqual([['other', 'missing']]);
  });

  it('asks above for what its key and its condition read', () => {
    const { prepared } = planned(
      '{ type: watch, from: kernel, key: proc.name, condition: evt.type = open, rule: Quiet }',
    );
    const demand = prepared.reads?.get('syscall');
    expect([...(demand?.fields ?? [])]).toContain('proc.name');
    expect([...(demand?.types ?? [])]).toEqual(['open']);
  });

  describe('what is expected', () => {
    const folder = scratch();
    const table = join(folder, 'nodes.csv');
    writeFileSync(table, 'site,host\nhome,node-a\nhome,node-b\nfar,node-c\n');
    const watching = (more: string) => `{ type: watch, from: in, key: rule, rule: Quiet, ${more} }`;

    it('can be a column of a table', () => {
      const expected = (more: string) => planned(watching(more)).prepared.state;
      expect(expected(`expect: { table: ${table}, column: host }`)).toMatchObject({
        expected: ['node-a', 'node-b', 'node-c'],
      });
      expect(expected(`expect: { table: ${table} }`)).toMatchObject({ expected: ['home', 'far'] });
      expect(expected('expect: [x]')).toMatchObject({ expected: ['x'] });
    });

    it('is checked when it is planned', () => {
      expect(errorsOf(watching(`expect: { table: ${table}, column: hots }`))).toContain('Did you mean "host"?');
      expect(errorsOf(watching('expect: { table: /nowhere/nodes.csv }'))).toContain('Cannot read /nowhere/nodes.csv');
      expect(errorsOf(watching('within: 1m'))).toContain('`within` is about what is expected: give `expect` too');
      expect(errorsOf(watching('expect: [a, b], max_keys: 1'))).toContain('2 values are expected, and max_keys is 1');
      expect(errorsOf('{ type: watch, from: in, key: [rule, priority], rule: Quiet, expect: [a] }')).toContain(
        'What is expected is values of one field, and the key has more',
      );
    });

    /** What a replica with these partitions of four expects. */
    function expectedOf(source: string): readonly string[] {
      const yaml = `sources: { nodes: ${source} }
operators: { lost: { type: watch, from: nodes, source: internal, key: node.name, rule: Quiet, expect: [n1, n2, n3, n4, n5, n6] } }
sinks: { out: { type: stdout, from: lost } }`;
      const [operator] = planPipeline(PipelineDocument.parse('test.yaml', yaml), builtIn()).operators;
      return (operator as PlannedOperator & { prepared: { state: { expected: string[] } } }).prepared.state.expected;
    }

    it('is, of replicas that divide events, what comes to this one', () => {
      const nats = (mine: string) =>
        `{ type: nats, servers: 'nats://127.0.0.1', stream: S, subject: s, partitions: { of: 4, mine: ${mine} } }`;
      const [some, others, all] = [nats('[0, 1]'), nats('[2, 3]'), nats('[0, 1, 2, 3]')].map(expectedOf);
      expect(all).toHaveLength(6);
      expect([...(some ?? []), ...(others ?? [])].sort()).toEqual(all);
      for (const name of some ?? []) {
        const partition = partitionOf(beat(name), { of: 4, key: 'node.name' });
        expect([0, 1]).toContain(partition);
      }
    });
  });

  it('says what is wrong with a key or a condition', () => {
    expect(errorsOf('{ type: watch, from: in, key: rull, rule: Quiet }')).toContain('Did you mean "rule"?');
    expect(errorsOf('{ type: watch, from: kernel, key: proc.name, condition: proc.nam = a, rule: Quiet }')).toContain(
      'On syscall events: ',
    );
    expect(errorsOf('{ type: watch, from: in, key: rule }')).toContain('Missing key "rule"');
    expect(errorsOf('{ type: watch, from: in, key: rule, source: okta, rule: Quiet }')).toContain(
      'No event of "okta" comes here',
    );
  });
});

it('knows after a restart what it watched, from the state folder', async () => {
  const folder = scratch();
  const life = async (work: (run: OperatorRun) => void | Promise<void>) => {
    const store = await Store.open(folder, (error) => {
      throw error;
    });
    const run = await start('{ type: watch, from: kernel, key: proc.name, silent: 2s, rule: Quiet }', store);
    await work(run);
    await run.running.stop();
    await store.close();
    return run.events.map((event) => `${event.get('proc.name')} ${event.get('watch.state')}`);
  };
  const call = new EventRecord('syscall', 'open', 7n, { 'proc.name': 'cron' });
  expect(await life((run) => run.put([call]))).toEqual([]);
  const second = await life(async (run) => {
    await vi.waitFor(() => expect(run.events).toHaveLength(1), { timeout: 10_000 });
  });
  expect(second).toEqual(['cron silent']);
  expect(await life((run) => run.put([call]))).toEqual(['cron back']);
});
