/** The sink `nats` against a real nats-server on loopback. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sink } from '../../src/core/component.ts';
import { messageOf } from '../../src/core/errors.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { parseRecord, recordJson } from '../../src/events/record-json.ts';
import { partitionOf } from '../../src/nats/partition.ts';
import { nats } from '../../src/sinks/nats.ts';
import { freePort, hasNats, NatsServer } from '../nats/server.ts';
import { makeCertificates, until } from './servers.ts';
import { alertOf, never, openSink, recordOf } from './shared.ts';

it('asks a server that says nothing for one connection, however many writes are given up meanwhile', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket.on('error', () => {})));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const sink = await openSink(nats, { servers: `nats://127.0.0.1:${port}` });
  const write = () => sink.write([alertOf('a')], never).catch((error: Error) => error.message);
  const writes = [write(), write()];
  await until(() => sockets.length > 0);
  writes.push(write());
  sockets[0]?.end();
  const failed = `nats://127.0.0.1:${port}: the server has hung up`;
  expect(await Promise.all(writes)).toEqual([failed, failed, failed]);
  expect(sockets).toHaveLength(1);
  await sink.close();
  silent.close();
});

describe.skipIf(!hasNats)('the sink nats', () => {
  let server: NatsServer;
  let connection: NatsConnection;
  const open: Sink[] = [];
  let count = 0;
  let subject = '';

  beforeAll(async () => {
    server = await NatsServer.start();
    connection = await connect({ servers: server.url });
  });
  afterAll(async () => {
    for (const sink of open) await sink.close();
    await connection.close();
    await server.halt();
  });
  // A stream of its own for each test.
  beforeEach(async () => {
    subject = `alerts.${++count}`;
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: `S${count}`, subjects: [subject], storage: 'file' });
  });

  const sinkOf = async (config: object = {}) => {
    const sink = await openSink(nats, { servers: server.url, subject, ...config });
    open.push(sink);
    return sink;
  };

  async function stored(to = connection) {
    const { state } = await (await jetstreamManager(to)).streams.info(`S${count}`);
    const stream = await jetstream(to).streams.get(`S${count}`);
    const messages = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) messages.push(await stream.getMessage({ seq }));
    return messages.flatMap((message) => message ?? []);
  }

  it('publishes records in order, each acknowledged, with the id of the alert', async () => {
    const alerts = ['a', 'b', 'c'].map((rule) => alertOf(rule));
    await (await sinkOf()).write([...alerts, recordOf({ 'proc.name': 'cat' })], never);
    const messages = await stored();
    const records = messages.map((message) => {
      const parsed = parseRecord(message.string(), { file: 'x', line: 1 });
      if ('problem' in parsed) throw new Error(parsed.problem.message);
      return parsed.record;
    });
    expect(records.map(({ type }) => type)).toEqual(['a', 'b', 'c', 'open']);
    expect(records[0]?.get('proc.pid')).toBe(42);
    const ids = messages.map((message) => message.header.get('Nats-Msg-Id'));
    expect(ids).toEqual([...alerts.map(({ id }) => id), '']);
  });

  it('says of each event where it was seen, and changes nothing else of it', async () => {
    const marks = { 'node.name': 'node1', 'pipeline.name': 'edge', 'pipeline.digest': 'sha256:0' };
    const alert = alertOf('a');
    const relayed = recordOf({ 'node.name': 'far', 'pipeline.name': 'other' });
    await (await sinkOf()).write([alert, recordOf({ n: 1 }), relayed], never);
    const [first, second, third] = (await stored()).map((message) => JSON.parse(message.string()));
    expect(first.fields).toEqual({ ...JSON.parse(recordJson(alert)).fields, ...marks });
    expect(first.fields).toHaveProperty(['fd.name'], null);
    expect(second.fields).toEqual({ n: 1, ...marks });
    expect(third.fields).toEqual({ 'node.name': 'far', 'pipeline.name': 'other' });
  });

  it("as Falco's JSON too", async () => {
    await (await sinkOf({ format: 'falco' })).write([alertOf('a')], never);
    const [alert] = (await stored()).map((message) => JSON.parse(message.string()));
    expect(alert.output_fields).toMatchObject({ 'node.name': 'node1', 'user.name': 'root' });
  });

  it('adds the partition of the key to the subject', async () => {
    await (await jetstreamManager(connection)).streams.update(`S${count}`, { subjects: [subject, `${subject}.>`] });
    const partitions = { of: 5, key: 'user.name' };
    const events = ['root', 'bob', 'root'].map((name) => recordOf({ 'user.name': name }));
    await (await sinkOf({ partitions })).write(events, never);
    const subjects = (await stored()).map((message) => message.subject);
    expect(subjects.sort()).toEqual(events.map((event) => `${subject}.${partitionOf(event, partitions)}`).sort());
  });

  it('wants the key of events, but for what it adds itself', () => {
    const config = nats.config.parse({ servers: 'x', partitions: { of: 2, key: ['node.name', 'user.loginuid'] } });
    const wanted = nats.reads?.(config, ['syscall', 'alert']);
    expect([...(wanted?.get('alert')?.fields ?? [])]).toEqual(['user.loginuid']);
    expect(wanted?.get('syscall')?.fields.has('user.loginuid')).toBe(true);
  });

  it('what is published again is there once', async () => {
    const sink = await sinkOf({ format: 'falco' });
    const alerts = ['a', 'b'].map((rule) => alertOf(rule));
    await sink.write(alerts, never);
    await sink.write(alerts, never);
    expect((await stored()).map((message) => JSON.parse(message.string()).rule)).toEqual(['a', 'b']);
    expect(await sink.probe?.([alertOf('a')], never)).toBe(`stream S${count}, sequence 1, which had it already`);
  });

  it('a subject that no stream takes is for now, and says what to do', async () => {
    const sink = await sinkOf({ subject: 'nobody.here' });
    const error: WriteError = await sink.write([alertOf('a')], never).catch((reason) => reason);
    expect(error).toBeInstanceOf(WriteError);
    expect(error.message).toBe('no stream takes the subject nobody.here: make one, or enable JetStream on the server');
    expect([error.refused, error.again?.length]).toEqual([[], 1]);
  });

  it('an event that is larger than the server takes is refused, its neighbours are not', async () => {
    const large = alertOf('large', 'Notice', 'x'.repeat(1_100_000));
    const error = await (await sinkOf()).write([alertOf('a'), large, alertOf('b')], never).catch((reason) => reason);
    expect(error.message).toMatch(/^an event of \d+ bytes, where the server takes 1048576 \(max_payload\)$/);
    expect([error.refused, error.again]).toEqual([[large], []]);
    expect(await stored()).toHaveLength(2);
  });

  it('goes on after the server was away', async () => {
    const own = await NatsServer.start();
    const first = await connect({ servers: own.url });
    await (await jetstreamManager(first)).streams.add({ name: `S${count}`, subjects: [subject], storage: 'file' });
    await first.close();
    const sink = await openSink(nats, { servers: own.url, subject });
    await sink.write([alertOf('a')], never);
    await own.halt();
    const said = `${own.url}: the connection is lost, and is made again as soon as that can be`;
    await expect(sink.write([alertOf('b')], never)).rejects.toThrow(said);
    // No write waits for what the client does not send: twenty that did, 5 s each, would be too late.
    for (let tries = 0; tries < 20; tries++) await expect(sink.write([alertOf('b')], never)).rejects.toThrow(said);
    await own.run();
    // As Delivery would: again, until it is taken.
    await vi.waitFor(() => sink.write([alertOf('b')], never), { timeout: 30_000, interval: 200 });
    const again = await connect({ servers: own.url });
    expect((await stored(again)).map((message) => JSON.parse(message.string()).type)).toEqual(['a', 'b']);
    await again.close();
    await sink.close();
    await own.halt();
  });

  it('a write that waits for an answer is given up when the connection is lost', async () => {
    const own = await NatsServer.start();
    const sink = await openSink(nats, { servers: own.url, subject });
    // No stream is there yet.
    await expect(sink.write([alertOf('a')], never)).rejects.toThrow('no stream takes');
    own.pause();
    const written = sink.write([alertOf('a')], never).catch(messageOf);
    await own.kill();
    const late = new Promise((resolve) => setTimeout(resolve, 4000, 'as late as the client gives it up'));
    expect(await Promise.race([written, late])).toBe(
      `${own.url}: the connection is lost, and is made again as soon as that can be`,
    );
    await sink.close();
  });

  it('a write that is given up says what has no answer yet, and only that is written again', async () => {
    const partitions = { of: 2, key: 'user.name' };
    const events = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => recordOf({ 'user.name': name }));
    const silent = events.filter((event) => partitionOf(event, partitions) === 1);
    expect(silent.length % events.length).toBeGreaterThan(0);
    await (await jetstreamManager(connection)).streams.update(`S${count}`, { subjects: [`${subject}.0`] });
    // It takes what it gets, and answers nothing.
    connection.subscribe(`${subject}.1`);
    await connection.flush();
    const limit = new AbortController();
    setTimeout(() => limit.abort(new Error('no answer within 1 s')), 1000);
    const error: WriteError = await (await sinkOf({ partitions }))
      .write(events, limit.signal)
      .catch((reason) => reason);
    expect([error.message, error.again]).toEqual([`${server.url}: no answer within 1 s`, silent]);
  });

  it('a server that is not there is named', async () => {
    const sink = await sinkOf({ servers: `nats://127.0.0.1:${await freePort()}` });
    await expect(sink.write([alertOf('a')], never)).rejects.toThrow(/^nats:\/\/127\.0\.0\.1:\d+: /);
  });

  it('gives a token over TLS', async () => {
    const { ca, cert, key } = makeCertificates();
    const own = await NatsServer.start('--tls', '--tlscert', cert, '--tlskey', key, '--auth', 'open sesame');
    process.env.TEST_NATS_TOKEN = 'open sesame';
    const token = { env: 'TEST_NATS_TOKEN' };
    const sink = await openSink(nats, { servers: own.url, subject, token, tls: { ca } });
    // Connected and let in: only the stream is missing.
    await expect(sink.write([alertOf('a')], never)).rejects.toThrow(/no stream takes/);
    process.env.TEST_NATS_TOKEN = 'close sesame';
    const other = await openSink(nats, { servers: own.url, subject, token, tls: { ca } });
    await expect(other.write([alertOf('a')], never)).rejects.toThrow(/authorization/i);
    delete process.env.TEST_NATS_TOKEN;
    for (const each of [sink, other]) await each.close();
    await own.halt();
  });
});
