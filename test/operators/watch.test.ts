import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncScheduler, map, Subject, type Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ack, liveAck } from '../../src/core/ack.ts';
import type { Batch } from '../../src/core/batch.ts';
import { Counters } from '../../src/core/metrics.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import type { FieldRef } from '../../src/events/field.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { partitionOf } from '../../src/nats/partition.ts';
import type { WatchConfig } from '../../src/operators/watch/index.ts';
import { watched } from '../../src/operators/watch/silence.ts';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { type PlannedOperator, planPipeline } from '../../src/pipeline/plan.ts';
import { builtIn } from '../../src/pipeline/registry.ts';
import { Store } from '../../src/store/store.ts';
import { recordedAck } from '../core/shared.ts';
import { alertOf } from '../sinks/shared.ts';
import { errorsOf, type OperatorRun, planned, start } from './shared.ts';

const node = catalogues.get('internal')?.find('node.name') as FieldRef;
const state = {
  key: new Map([['internal', [node]]]),
  keyNames: ['node.name'],
  source: undefined,
  conditions: undefined,
  expected: [] as string[],
  isHere: () => true,
};
const plain = {
  key: 'node.name',
  silent: 10,
  forget: 1_000_000,
  rule: 'Silent',
  priority: 'Warning',
  tags: [],
  max_keys: 100,
} as unknown as WatchConfig;

const beat = (name: string, time = 1n) => new EventRecord('internal', 'heartbeat', time, { 'node.name': name });
const batchOf = (name: string, ack: Ack = liveAck): Batch => ({
  source: 'internal',
  form: recordForm,
  events: [beat(name)],
  ack,
});
const alertIn = ({ events }: Batch) => events.at(0) as EventRecord;
const text = (batch: Batch) => `${alertIn(batch).get('node.name')} ${alertIn(batch).get('watch.state')}`;

/** What keeps the state of an operator over its lives; `save` is what the runtime does after something was absorbed. */
function memory(expected: string[] = [], isHere = () => true) {
  let saved: unknown;
  const self = {
    save: () => {},
    metrics: new Counters(),
    ctx: {
      id: 'op',
      state: { ...state, expected, isHere },
      get metrics() {
        return self.metrics;
      },
      saved: () => structuredClone(saved),
      takesOver: () => false,
      keep: (of: () => unknown) => {
        self.save = () => {
          saved = structuredClone(of());
        };
        return (ack: Ack) => ack.settle('absorbed');
      },
    } as never,
  };
  return self;
}

/** Heartbeats of the nodes a, b, … by marble; alerts come out as `node state`. */
function marbles(
  input: string,
  expected: string,
  values: Record<string, string> = {},
  { expect: nodes, ...config }: { expect?: string[]; [key: string]: unknown } = {},
) {
  const own = memory(nodes);
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
  scheduler.run(({ cold, expectObservable }) => {
    const names = Object.fromEntries([...'abc'].map((name) => [name, name]));
    const beats = cold(input, names).pipe(map((name) => batchOf(name)));
    expectObservable(beats.pipe(watched({ ...plain, ...config }, own.ctx), map(text))).toBe(expected, values);
  });
  return own.metrics;
}

describe('watch, in virtual time', () => {
  it('is quiet as long as something comes', () => {
    marbles('a----a----a----a---|', '-------------------|');
  });

  it('after a silence there is one alert, and one when it is back', () => {
    const alerts = { x: 'a silent', y: 'a back', z: 'a silent' };
    marbles('a--------------a----------|', '----------x----y---------z|', alerts);
  });

  it('watches each key for itself', () => {
    const alerts = { x: 'b silent', y: 'a silent', z: 'b back' };
    marbles('ab---a----------b|', '-----------x---yz|', alerts);
  });

  it('what is forgotten is new when it comes again', () => {
    marbles('a------------------------a|', '----------x---------------|', { x: 'a silent' }, { forget: 20 });
  });

  it('past its limit forgets what is silent, then what was heard of first, and counts it', () => {
    const metrics = marbles('ab-c----------', '-----------x-y', { x: 'b silent', y: 'c silent' }, { max_keys: 2 });
    expect(metrics.total('evicted')).toBe(1);
  });

  it('what is expected and never comes is missing, once, and back when it comes', () => {
    const alerts = { x: 'b missing', y: 'b back', z: 'b silent' };
    marbles('a----a----a----b----a----a|', '----------x----y---------z|', alerts, { expect: ['a', 'b'] });
  });

  it('it may take longer to come at first than it may be silent, or less long', () => {
    const alerts = { x: 'b missing', y: 'a silent' };
    marbles('a--------------------', '----------y----x-----', alerts, { expect: ['b'], within: 15 });
    marbles('a----a----a----a---|', '-----x-------------|', { x: 'b missing' }, { expect: ['b'], within: 5 });
  });

  it('what is expected is not forgotten: it has been reported, and is back when it comes', () => {
    const alerts = { x: 'a silent', y: 'a back' };
    marbles('a------------------------------a|', '----------x--------------------y|', alerts, {
      expect: ['a'],
      forget: 20,
    });
  });

  it('what is expected and had to give way is waited for anew', () => {
    const alerts = { x: 'a missing', y: 'b silent' };
    marbles('ab---------', '-----------(yx)', alerts, { expect: ['a'], max_keys: 1 });
    marbles(
      'ab--a------',
      '-----------x---y',
      { x: 'b missing', y: 'a silent' },
      { expect: ['b'], max_keys: 1, silent: 11, within: 7 },
    );
  });

  it('an error of its input is its own', () => {
    marbles('a-#', '--#', {}, {});
  });
});

describe('watch over restarts, in virtual time', () => {
  /** Runs the work at its time in ms, in virtual time. */
  function timeline(works: Readonly<Record<number, () => void>>): void {
    new TestScheduler(() => {}).run(({ flush }) => {
      for (const [at, work] of Object.entries(works)) asyncScheduler.schedule(work, Number(at));
      flush();
    });
  }

  function lives(expected: string[] = [], isHere = () => true) {
    const own = memory(expected, isHere);
    let running: Subscription | undefined;
    let input = new Subject<Batch>();
    const left: Batch[] = [];
    return {
      left,
      begin() {
        input = new Subject();
        running = input.pipe(watched(plain, own.ctx)).subscribe((batch) => left.push(batch));
      },
      beat: () => input.next(batchOf('a')),
      end() {
        own.save();
        running?.unsubscribe();
      },
    };
  }

  it('an alert that has not arrived when the program dies leaves again, the same; one that has does not', () => {
    const { left, begin, beat, end } = lives();
    timeline({
      0: begin,
      1: beat,
      20: () => {
        end();
        expect(left.map(text)).toEqual(['a silent']);
        begin();
        expect(left.map(text)).toEqual(['a silent', 'a silent']);
        expect(alertIn(left[0] as Batch).get('id')).toBe(alertIn(left[1] as Batch).get('id'));
        for (const { ack } of left) ack.settle('delivered');
      },
      30: () => {
        end();
        begin();
        beat();
      },
      31: () => {
        end();
        expect(left.slice(2).map(text)).toEqual(['a back']);
      },
    });
    expect(left).toHaveLength(3);
  });

  it('time in which nobody listened is no silence', () => {
    const { left, begin, beat, end } = lives();
    timeline({
      0: begin,
      1: beat,
      5: end,
      50: begin,
      59: () => expect(left).toEqual([]),
      61: () => {
        end();
        expect(left.map(text)).toEqual(['a silent']);
      },
    });
    expect(left).toHaveLength(1);
  });

  it('what comes to another replica now is no silence here', () => {
    let here = true;
    const { left, begin, beat, end } = lives([], () => here);
    timeline({
      0: begin,
      1: beat,
      5: () => {
        end();
        here = false;
        begin();
      },
      50: end,
    });
    expect(left).toEqual([]);
  });

  it('what is missing is not reported again, what is only waited for has its time again; both are known when they come', () => {
    const { left, begin, beat, end } = lives(['a', 'b']);
    timeline({
      0: begin,
      5: end,
      6: begin,
      12: () => expect(left).toEqual([]),
      17: () => {
        expect(left.map(text)).toEqual(['a missing', 'b missing']);
        for (const { ack } of left) ack.settle('delivered');
        end();
        begin();
      },
      30: beat,
      31: () => {
        end();
        expect(left.slice(2).map(text)).toEqual(['a back']);
      },
    });
    expect(left).toHaveLength(3);
  });

  it('an alert that could not be delivered is tried again', () => {
    const { left, begin, beat, end } = lives();
    timeline({
      0: begin,
      1: beat,
      12: () => left[0]?.ack.settle('failed'),
      10011: () => expect(left).toHaveLength(1),
      10013: () => left[1]?.ack.settle('delivered'),
      30000: end,
    });
    expect(left.map(text)).toEqual(['a silent', 'a silent']);
  });
});

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

  it('asks above for what its key and its condition read', () => {
    const { prepared } = planned(
      '{ type: watch, from: kernel, key: proc.name, condition: evt.type = open, rule: Quiet }',
    );
    const demand = prepared.reads?.get('syscall');
    expect([...(demand?.fields ?? [])]).toContain('proc.name');
    expect([...(demand?.types ?? [])]).toEqual(['open']);
  });

  describe('what is expected', () => {
    const folder = mkdtempSync(join(tmpdir(), 'falco-pipe-watch-'));
    afterAll(() => rmSync(folder, { recursive: true }));
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
  const folder = mkdtempSync(join(tmpdir(), 'falco-pipe-watch-'));
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
  rmSync(folder, { recursive: true });
});
