/** The sink `azure_event_hubs`: the unmodified SDK against a hub on loopback. */

import { afterEach, describe, expect, it } from 'vitest';
import type { Sink } from '../../src/core/component.ts';
import { UserError } from '../../src/core/errors.ts';
import type { WriteError } from '../../src/core/failure/write-error.ts';
import { parseRecord } from '../../src/events/record-json.ts';
import { azureEventHubs } from '../../src/sinks/azure-event-hubs.ts';
import { EventHub, type HubOptions } from '../azure/event-hubs.ts';
import { secretOf } from '../azure/opened.ts';
import { alertOf, never, openSink, recordOf } from './shared.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function hubOf(options: HubOptions = {}): Promise<EventHub> {
  const hub = await EventHub.start(options);
  closing.push(() => hub.halt());
  return hub;
}

async function sinkOf(hub: EventHub, config: object = {}): Promise<Sink> {
  const sink = await openSink(azureEventHubs, { connection: secretOf(hub.connectionString), ...config });
  closing.push(() => sink.close());
  return sink;
}

const failed = (work: Promise<unknown>): Promise<WriteError> =>
  work.then(
    () => expect.fail('it was taken'),
    (error) => error,
  );
const types = (hub: EventHub) => hub.bodies.map((body) => JSON.parse(body).type ?? JSON.parse(body).rule);

describe('the sink azure_event_hubs', () => {
  it('sends records in one transfer, exact, with the id of the alert and where they were seen', async () => {
    const hub = await hubOf({ partitions: 1 });
    const alerts = ['a', 'b'].map((rule) => alertOf(rule));
    await (await sinkOf(hub)).write([...alerts, recordOf({ 'proc.name': 'cat' })], never);
    const records = hub.bodies.map((body) => {
      const parsed = parseRecord(body, { file: 'x', line: 1 });
      if ('problem' in parsed) throw new Error(parsed.problem.message);
      return parsed.record;
    });
    expect(records.map(({ type }) => type)).toEqual(['a', 'b', 'open']);
    expect([records[0]?.get('proc.pid'), records[2]?.get('node.name')]).toEqual([42, 'node1']);
    const stored = hub.partitions[0] ?? [];
    expect(stored.map(({ id }) => id)).toEqual([...alerts.map(({ id }) => id), undefined]);
    expect(stored.map(({ properties }) => properties)).toEqual([
      { source: 'alert', type: 'a', id: alerts[0]?.id, priority: 'Warning' },
      { source: 'alert', type: 'b', id: alerts[1]?.id, priority: 'Warning' },
      { source: 'syscall', type: 'open' },
    ]);
    expect(hub.counts.transfers).toBe(1);
  });

  it("sends alerts as Falco's JSON", async () => {
    const hub = await hubOf();
    const sink = await sinkOf(hub, { format: 'falco' });
    await sink.write([alertOf('a', 'Critical')], never);
    expect(hub.bodies.map((body) => JSON.parse(body))).toMatchObject([{ rule: 'a', priority: 'Critical' }]);
    expect(await sink.probe?.([alertOf('b')], never)).toBe(`${hub.address}/audit has accepted it`);
  });

  it('keeps what is alike in the key in one partition, in order', async () => {
    const hub = await hubOf({ partitions: 4 });
    const sink = await sinkOf(hub, { partition_key: ['user.name', 'proc.pid'] });
    const events = Array.from({ length: 200 }, (_, n) => recordOf({ 'user.name': `u${n % 20}`, 'proc.pid': 1, n }));
    await sink.write(events.slice(0, 100), never);
    await sink.write(events.slice(100), never);
    const where = new Map<string, number[]>();
    for (const [partition, entries] of hub.partitions.entries()) {
      const last = new Map<string, number>();
      for (const { body, key } of entries) {
        const { fields } = JSON.parse(body.toString());
        const user = fields['user.name'];
        expect(key).toBe(JSON.stringify([user, '1']));
        expect(fields.n).toBeGreaterThan(last.get(user) ?? -1);
        last.set(user, fields.n);
        where.set(user, [...new Set([...(where.get(user) ?? []), partition])]);
      }
    }
    expect([...where.values()].map(({ length }) => length)).toEqual(Array(20).fill(1));
    expect(hub.bodies).toHaveLength(200);
    expect(hub.partitions.filter(({ length }) => length > 0).length).toBeGreaterThan(1);
  });

  it('fills batches up to what the hub takes; what is larger alone is refused, its neighbours are not', async () => {
    const hub = await hubOf({ partitions: 1, largest: 20_000 });
    const sink = await sinkOf(hub);
    const events = Array.from({ length: 40 }, (_, n) => alertOf(`r${n}`, 'Notice', 'x'.repeat(2000)));
    const large = alertOf('large', 'Notice', 'x'.repeat(30_000));
    const error = await failed(sink.write([...events.slice(0, 20), large, ...events.slice(20)], never));
    expect(error.message).toMatch(/^an event of 3\d{4} bytes, where the hub takes 20000 in a batch$/);
    expect([error.refused, error.again]).toEqual([[large], []]);
    expect(types(hub)).toEqual(events.map(({ type }) => type));
    expect(hub.counts.transfers).toBeGreaterThan(4);
    expect(hub.counts.transfers).toBeLessThan(10);
  });

  it('leaves a hub that throttles alone, and offers again only what it did not take', async () => {
    const hub = await hubOf({ partitions: 1, largest: 20_000 });
    const sink = await sinkOf(hub);
    const events = Array.from({ length: 20 }, (_, n) => alertOf(`r${n}`, 'Notice', 'x'.repeat(2000)));
    hub.busyAfter = 1;
    const error = await failed(sink.write(events, never));
    expect(error.message).toMatch(/^localhost:\d+\/audit: .*throttled/);
    const [taken, again] = [hub.bodies.length, error.again?.length ?? 0];
    expect([taken > 0, again > 0, taken + again, error.wait]).toEqual([true, true, 20, 4000]);
    hub.busyAfter = undefined;
    await sink.write(error.again ?? [], never);
    expect(types(hub)).toEqual(events.map(({ type }) => type));
  });

  it('goes on after the hub was away', async () => {
    const hub = await hubOf();
    const sink = await sinkOf(hub);
    await sink.write([alertOf('a')], never);
    await hub.halt();
    // What was under way is never answered: the queue of the sink has a limit for that.
    const error = await failed(sink.write([alertOf('b')], AbortSignal.timeout(300)));
    expect([error.refused.length, error.again?.length]).toEqual([0, 1]);
    await hub.listen();
    // As the queue would: again, until it is taken.
    let tries = 0;
    while (
      tries < 20 &&
      !(await sink.write([alertOf('b')], never).then(
        () => true,
        () => false,
      ))
    )
      tries++;
    expect(types(hub).sort()).toEqual(['a', 'b']);
  });

  it('a key that was exchanged is read again; until then it says that it is refused', async () => {
    const hub = await hubOf();
    const connection = secretOf(hub.connectionString);
    const sink = await sinkOf(hub, { connection });
    hub.revoke();
    const error = await failed(sink.write([alertOf('a')], never));
    expect([error.message, error.again?.length]).toEqual([expect.stringMatching(/InvalidSignature/), 1]);
    process.env[connection.env] = hub.connectionString;
    await sink.write([alertOf('a')], never);
    expect(types(hub)).toEqual(['a']);
  });

  it('a hub that is not there is named with what to look at', async () => {
    const hub = await hubOf();
    const connection = secretOf(hub.connectionString.replace('=audit', '=other'));
    const error = await failed((await sinkOf(hub, { connection })).write([alertOf('a')], never));
    expect(error.message).toMatch(/other' could not be found.* Is the name of the hub/);
  });

  it('a connection string that is none is said when the sink is opened, without it', async () => {
    const hub = await hubOf();
    const error = await sinkOf(hub, { connection: secretOf('hunter2') }).catch((reason) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe('the connection string has no Endpoint=sb://NAME.servicebus.windows.net');
  });
});
