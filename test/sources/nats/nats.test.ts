/** The source `nats` against a real nats-server on loopback: what the sink `nats` publishes comes out, once each. */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sink } from '../../../src/core/component.ts';
import type { Event } from '../../../src/core/event.ts';
import { EventRecord } from '../../../src/events/record.ts';
import { recordJson } from '../../../src/events/record-json.ts';
import { partitionOf } from '../../../src/nats/partition.ts';
import type { Run } from '../../../src/pipeline/run/run.ts';
import { nats as natsSink } from '../../../src/sinks/nats.ts';
import { nats } from '../../../src/sources/nats/index.ts';
import { hasNats, NatsServer } from '../../nats/server.ts';
import { makeCertificates } from '../../sinks/servers.ts';
import { alertOf, never, openSink, recordOf } from '../../sinks/shared.ts';
import { Harness } from '../harness.ts';
import { type Reading, type ReadingOptions, startReading } from './reading.ts';

describe.skipIf(!hasNats)('the source nats', () => {
  let server: NatsServer;
  let connection: NatsConnection;
  let manager: JetStreamManager;
  let count = 0;
  let stream = '';
  let subject = '';
  const sinks: Sink[] = [];
  const runs: Run[] = [];

  beforeAll(async () => {
    server = await NatsServer.start();
    connection = await connect({ servers: server.url });
    manager = await jetstreamManager(connection);
  });
  afterAll(async () => {
    await connection.close();
    await server.halt();
  });
  // A stream of its own for each test.
  beforeEach(async () => {
    count++;
    stream = `S${count}`;
    subject = `events.${count}`;
    await manager.streams.add({ name: stream, subjects: [subject, `${subject}.>`], storage: 'file' });
  });
  afterEach(async () => {
    for (const sink of sinks.splice(0)) await sink.close();
    await Promise.all(runs.splice(0).map((each) => each.stop(0)));
  });

  async function publish(events: readonly Event[], config: object = {}, servers = server.url): Promise<void> {
    const sink = await openSink(natsSink, { servers, subject, ...config });
    sinks.push(sink);
    await sink.write(events, never);
  }

  /** Starts a pipeline that reads the stream of the test; `more`: further keys of the source. */
  async function read(more: object = {}, options: ReadingOptions = {}): Promise<Reading> {
    const started = await startReading({ servers: server.url, stream, ...more }, options);
    runs.push(started.running);
    return started;
  }

  const types = ({ got }: Reading) => got.map(({ type }) => type);
  const until = (test: () => void | Promise<void>) => vi.waitFor(test, { timeout: 15_000, interval: 20 });
  const consumer = (name = 'falco-pipe') => manager.consumers.info(stream, name);
  const counters = ({ running }: Reading) => running.metrics.get('in');

  /** Nothing waits at the server, and nothing is unsettled. */
  const settled = (name?: string) =>
    until(async () => {
      const { num_pending, num_ack_pending } = await consumer(name);
      expect([num_pending, num_ack_pending]).toEqual([0, 0]);
    });

  it('gives what was published in its order, each acknowledged, with where it was seen', async () => {
    const events = [
      alertOf('a'),
      recordOf({ 'proc.name': 'cat', n: 9_007_199_254_740_993n }),
      alertOf('b'),
      alertOf('c'),
    ];
    await publish(events);
    const reading = await read();
    await until(() => expect(types(reading)).toEqual(['a', 'open', 'b', 'c']));
    const [alert, record] = reading.got as EventRecord[];
    expect(alert).toMatchObject({ source: 'alert', id: events[0]?.get('id') });
    expect(alert?.get('node.name')).toBe('node1');
    expect(record?.fields).toEqual({
      'proc.name': 'cat',
      n: 9_007_199_254_740_993n,
      'node.name': 'node1',
      'pipeline.name': 'edge',
      'pipeline.digest': 'sha256:0',
    });
    await settled();
    expect(reading.running.status().components.find(({ id }) => id === 'in')?.in_flight).toBe(0);
  });

  it('the consumer is made to last, and a pipeline that starts again goes on behind what was settled', async () => {
    await publish([alertOf('a'), alertOf('b')]);
    const first = await read();
    await until(() => expect(types(first)).toEqual(['a', 'b']));
    await first.running.stop();
    await settled();
    await publish([alertOf('c')]);
    const second = await read();
    await until(() => expect(types(second)).toEqual(['c']));
    const { config } = await consumer();
    expect(config).toMatchObject({ durable_name: 'falco-pipe', ack_policy: 'explicit', max_ack_pending: -1 });
  });

  const bad = ['no JSON', '{"source":"alert"}', recordJson(new EventRecord('container', 'start', 1n, {}))];

  it('what is no record is kept whole, and not given again', async () => {
    for (const text of bad) connection.publish(subject, text);
    await connection.flush();
    const source = new Harness(nats, { servers: server.url, stream });
    await settled();
    expect(source.reports.map(({ type, fields }) => [type, fields.reason, fields.event])).toEqual(
      bad.map((text) => ['drop', 'bad_record', text]),
    );
    await source.stop();
    expect((await consumer()).num_redelivered).toBe(0);
  });

  it('is not well before it is connected', async () => {
    const source = new Harness(nats, { servers: server.url, stream });
    expect(source.trouble).toBe('not connected yet');
    await source.until(({ trouble }) => trouble === undefined);
    await source.stop();
    expect(source.end).toBe('open');
  });

  it('what is no record is dropped by name without a state folder', async () => {
    for (const text of bad) connection.publish(subject, text);
    await connection.flush();
    await publish([alertOf('a')]);
    const reading = await read();
    await until(() => expect(types(reading)).toEqual(['a']));
    await settled();
    expect(counters(reading)?.byLabel('dropped')).toEqual({ bad_record: 3 });
    expect(reading.running.totals.summary()).toMatchObject({ dropped: 3, in_flight: 0 });
    expect(reading.lines.join('\n')).toContain(`${subject}:1:`);
    expect((await consumer()).num_redelivered).toBe(0);
  });

  it('what cannot be delivered comes again, and does not use up the room', async () => {
    await publish(Array.from({ length: 40 }, (_, n) => alertOf(`r${n}`)));
    let failures = 3;
    const write = async () => {
      if (failures-- > 0) throw new Error('not now');
    };
    const sink = '{ type: test_sink, from: in, batch: 10, retry: { give_up_after: 0s } }';
    const reading = await read({ max_in_flight: 10 }, { write, sink });
    await until(() => expect(new Set(types(reading)).size).toBe(40));
    await settled();
    expect(types(reading)).toHaveLength(40);
    expect(reading.running.status().components.find(({ id }) => id === 'in')?.in_flight).toBe(0);
  });

  it('what takes long is not given to anybody else meanwhile', async () => {
    await publish([alertOf('a')]);
    const gate = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<void>();
    const reading = await read(
      { ack_wait: '1s' },
      {
        write: () => {
          taken.resolve();
          return gate.promise;
        },
      },
    );
    await taken.promise;
    const other = await read({ ack_wait: '1s' });
    // Long enough for the server to give it to the other twice.
    await new Promise((done) => setTimeout(done, 2500));
    gate.resolve();
    await until(() => expect([...types(reading), ...types(other)]).toEqual(['a']));
    await settled();
    expect((await consumer()).num_redelivered).toBe(0);
  });

  it('a second copy joins the first, also when that was settled before', async () => {
    const copy = recordJson(alertOf('a'));
    const gate = Promise.withResolvers<void>();
    for (let n = 0; n < 3; n++) connection.publish(subject, copy);
    await connection.flush();
    const reading = await read({}, { write: () => gate.promise });
    await until(() => expect(counters(reading)?.total('deduplicated')).toBe(2));
    gate.resolve();
    await settled();
    connection.publish(subject, copy);
    await connection.flush();
    await until(() => expect(counters(reading)?.total('deduplicated')).toBe(3));
    await settled();
    expect(types(reading)).toEqual(['a']);
  });

  it('a sink that is down tries again by itself: the others get nothing twice, and at a stop another reader has it', async () => {
    await publish([alertOf('a')]);
    const down = '{ type: http, from: in, url: "http://127.0.0.1:1", retry: { give_up_after: 0s } }';
    const first = await read({}, { sink: `{ type: test_sink, from: in }, down: ${down}` });
    await until(() => expect(first.running.metrics.get('down')?.total('errors')).toBeGreaterThan(2));
    expect(types(first)).toEqual(['a']);
    expect(await consumer()).toMatchObject({ num_redelivered: 0, num_ack_pending: 1 });
    await first.running.stop(0);
    const second = await read();
    await until(() => expect(types(second)).toEqual(['a']));
    await settled();
  });

  it('at a stop everything that was delivered is acknowledged, and the rest given to another at once', async () => {
    const alerts = Array.from({ length: 20 }, (_, n) => alertOf(`r${n}`));
    await publish(alerts.slice(0, 10));
    const stuck = Promise.withResolvers<void>();
    const first = await read(
      {},
      {
        write: async (events) => {
          if (!events.some(({ type }) => type === 'r10')) return;
          stuck.resolve();
          await new Promise(() => {});
        },
      },
    );
    await until(() => expect(types(first)).toHaveLength(10));
    await publish(alerts.slice(10));
    await stuck.promise;
    // All have come: what is still on its way at a stop the server misses only after `ack_wait`.
    const inFlight = () => first.running.status().components.find(({ id }) => id === 'in')?.in_flight;
    await until(() => expect(inFlight()).toBe(10));
    await first.running.stop(0);
    expect((await consumer()).ack_floor.stream_seq).toBe(10);
    // Long before the server would miss the first one.
    const second = await read();
    await until(() => expect(types(second).sort()).toEqual(alerts.slice(10).map(({ type }) => type)));
    await settled();
  });

  it('no more is read than may be in flight', async () => {
    await publish(Array.from({ length: 60 }, (_, n) => alertOf(`r${n}`)));
    const gate = Promise.withResolvers<void>();
    const reading = await read({ max_in_flight: 20 }, { write: () => gate.promise });
    await until(async () => expect((await consumer()).num_ack_pending).toBe(20));
    await new Promise((done) => setTimeout(done, 200));
    expect((await consumer()).num_ack_pending).toBe(20);
    gate.resolve();
    await until(() => expect(types(reading)).toHaveLength(60));
  });

  it('a replica whose sink is down holds as much, leaves all else to the others, and that too once it stops', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `r${n}`);
    await publish(names.slice(0, 30).map((name) => alertOf(name)));
    const sick = await read({ max_in_flight: 20 }, { write: () => Promise.reject(new Error('down')) });
    await until(async () => expect((await consumer()).num_ack_pending).toBe(20));
    const well = await read();
    await publish(names.slice(30).map((name) => alertOf(name)));
    await until(() => expect(types(well)).toHaveLength(40));
    expect((await consumer()).num_redelivered).toBe(0);
    await sick.running.stop(0);
    await until(() => expect(types(well).sort()).toEqual(names.toSorted()));
    await settled();
  });

  it('goes on after the server was away, and says that it was', async () => {
    const own = await NatsServer.start();
    const first = await connect({ servers: own.url });
    await (await jetstreamManager(first)).streams.add({ name: stream, subjects: [subject], storage: 'file' });
    await first.close();
    await publish([alertOf('a')], {}, own.url);
    const reading = await read({ servers: own.url });
    await until(() => expect(types(reading)).toEqual(['a']));
    await own.halt();
    await until(() => expect(reading.lines.join('\n')).toContain('is lost: it is made again'));
    expect(reading.running.status()).toMatchObject({
      ready: false,
      problems: [expect.stringContaining(`source in: the connection to ${own.url} is lost`)],
    });
    await own.run();
    await publish([alertOf('b')], {}, own.url);
    await until(() => expect(types(reading)).toEqual(['a', 'b']));
    expect(reading.lines.join('\n')).toContain('the connection is there again');
    expect(reading.running.status().problems).toEqual([]);
    await reading.running.stop(1000);
    await own.halt();
  }, 30_000);

  it.each([
    ['all of a stream', () => ({})],
    ['partitions', () => ({ subject, partitions: { of: 2, key: 'rule' } })],
  ])('what the limits of the stream take away unread is said once: %s', async (_, config) => {
    await manager.streams.update(stream, { max_msgs: 10 });
    const positions = new Map<string, unknown>();
    const given = config();
    const alerts = (from: number, to: number) =>
      Array.from({ length: to - from }, (_each, n) => alertOf(`r${from + n}`));
    await publish(alerts(0, 3), given);
    const first = await read(given, { positions });
    await until(() => expect(first.got).toHaveLength(3));
    await first.running.stop();
    await publish(alerts(3, 33), given);
    const second = await read(given, { positions });
    await until(() => expect(second.got).toHaveLength(10));
    await second.running.stop();
    const third = await read(given, { positions });
    await publish([alertOf('last')], given);
    await until(() => expect(types(third)).toEqual(['last']));
    const said = (reading: Reading) => /(\d+) events of the stream .* were gone/.exec(reading.lines.join('\n'))?.[1];
    expect([first, second, third].map(said)).toEqual([undefined, '20', undefined]);
  });

  it('a server that is not there is named, and tried again', async () => {
    const own = await NatsServer.start();
    await own.halt();
    const reading = await read({ servers: own.url });
    await until(() => expect(reading.running.status().problems.join()).toContain(`source in: ${own.url}: `));
    expect(reading.running.status().ready).toBe(false);
    await own.halt();
  });

  it('gives a token, or a user and a password, over TLS', async () => {
    const { ca, cert, key } = makeCertificates();
    const tls = ['--tls', '--tlscert', cert, '--tlskey', key];
    process.env.TEST_NATS_READER = 'open sesame';
    const secret = { env: 'TEST_NATS_READER' };
    for (const [args, login] of [
      [['--auth', 'open sesame'], { token: secret }],
      [['--user', 'reader', '--pass', 'open sesame'], { basic: { user: 'reader', password: secret } }],
    ] as const) {
      const own = await NatsServer.start(...tls, ...args);
      const access = { tls: { ca }, ...login };
      const reading = await read({ servers: own.url, subject, create_stream: {}, ...access });
      await until(() => expect(reading.lines.join('\n')).toContain('made the consumer falco-pipe'));
      await publish([alertOf('a')], access, own.url);
      await until(() => expect(types(reading)).toEqual(['a']));
      await reading.running.stop();
      await own.halt();
    }
    delete process.env.TEST_NATS_READER;
  });

  it('wrong credentials end this source, loudly, and no other', async () => {
    const own = await NatsServer.start('--auth', 'open sesame');
    process.env.TEST_NATS_READER = 'close sesame';
    const reading = await read({ servers: own.url, token: { env: 'TEST_NATS_READER' } });
    await until(() => expect(reading.lines.join('\n')).toMatch(/source in has ended.*authorization/i));
    expect(reading.running.status()).toMatchObject({ state: 'running', ready: false });
    delete process.env.TEST_NATS_READER;
    await reading.running.stop();
    await own.halt();
  });

  it('a stream that is missing is named, and read once it is there', async () => {
    const reading = await read({ stream: 'LATER' });
    await until(() => expect(reading.running.status().problems.join()).toContain('there is no stream LATER: make it'));
    await manager.streams.add({ name: 'LATER', subjects: ['later'], storage: 'file' });
    await publish([alertOf('a')], { subject: 'later' });
    await until(() => expect(types(reading)).toEqual(['a']));
  });

  it('a stream is made where that is asked for, with limits', async () => {
    const create_stream = { max_age: '1h', max_size: '64MiB' };
    await read({ stream: 'MADE', subject: 'made', create_stream });
    await until(async () =>
      expect((await manager.streams.info('MADE')).config).toMatchObject({
        subjects: ['made', 'made.>'],
        max_age: 3_600_000_000_000,
        max_bytes: 67_108_864,
        storage: 'file',
        discard: 'old',
      }),
    );
  });

  it('a consumer that is not as it has to be is named', async () => {
    await manager.consumers.add(stream, {
      durable_name: 'other',
      ack_policy: 'explicit',
      filter_subject: `${subject}.x`,
    });
    const reading = await read({ consumer: 'other' });
    const problem = `the consumer other of ${stream} cannot be used: it reads ${subject}.x, not all: name another`;
    await until(() => expect(reading.running.status().problems.join()).toContain(problem));
  });

  it('a second reader of what one reads alone waits until that is gone', async () => {
    const first = await read({ exclusive: true });
    await until(async () => expect((await consumer()).num_waiting).toBe(1));
    const second = await read({ exclusive: true });
    await until(() => expect(second.lines.join('\n')).toContain('another replica reads falco-pipe: waiting'));
    await publish([alertOf('a')]);
    await until(() => expect(types(first)).toEqual(['a']));
    await first.running.stop();
    await publish([alertOf('b')]);
    await until(() => expect(types(second)).toEqual(['b']));
  });

  it('replicas with partitions of their own get each event once, those alike in the key at the same one', async () => {
    const events = Array.from({ length: 60 }, (_, n) => recordOf({ 'user.name': `u${n % 7}`, n }));
    const partitions = { of: 4, key: 'user.name' };
    await publish(events, { partitions });
    const one = await read({ subject, partitions: { ...partitions, mine: [0, 3] } });
    const two = await read({ subject, partitions: { ...partitions, mine: [1, 2] } });
    await until(() => expect(one.got.length + two.got.length).toBe(60));
    const users = (reading: Reading) => [...new Set(reading.got.map((event) => String(event.get('user.name'))))];
    expect(users(one).every((user) => [0, 3].includes(partitionOf(recordOf({ 'user.name': user }), partitions)))).toBe(
      true,
    );
    expect(users(one).filter((user) => users(two).includes(user))).toEqual([]);
    expect([...users(one), ...users(two)].sort()).toEqual(['u0', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6']);
    // What the edges do otherwise is said.
    await publish([recordOf({ 'user.name': 'u0' })], { partitions: { of: 4, key: 'proc.name' } });
    await until(() =>
      expect([...one.lines, ...two.lines].join('\n')).toContain('is not its place among 4 partitions by user.name'),
    );
  });
});
