/** The source `azure_event_hubs`: the unmodified SDK against a hub and a blob container on loopback. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SourceError, UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { builtIn } from '../../src/pipeline/registry.ts';
import { Blobs, hasAzurite } from '../azure/blobs.ts';
import { EventHub, type HubOptions } from '../azure/event-hubs.ts';
import { activity, Opened, type OpenedOptions, secretOf, sequences } from '../azure/opened.ts';
import { makeCertificates } from '../sinks/servers.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function hubOf(options: HubOptions = {}): Promise<EventHub> {
  const hub = await EventHub.start(options);
  closing.push(() => hub.halt());
  return hub;
}

async function blobsOf(): Promise<Blobs> {
  const blobs = await Blobs.start();
  closing.push(() => blobs.stop());
  return blobs;
}

function opened(hub: EventHub, options: OpenedOptions = {}): Opened {
  const source = new Opened(hub, options);
  closing.push(() => source.stop());
  return source;
}

const shared = (blobs: Blobs) => ({
  checkpoints: {
    connection: secretOf(blobs.connectionString),
    container: blobs.container,
    every: '200ms',
    expires: '1s',
  },
});
const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => String(from + index));
const sorted = (ids: readonly string[]) => [...ids].sort((a, b) => Number(a) - Number(b));

/** Puts records with the ids `from`, … into the hub, three in a body, over all partitions. */
function fill(hub: EventHub, count: number, from = 0): void {
  const ids = range(count, from);
  for (let at = 0; at < count; at += 3) {
    hub.publish((at / 3) % hub.partitions.length, { records: ids.slice(at, at + 3).map((id) => activity(id)) });
  }
}

/** What is wrong with a pipeline that has this source, and an operator that keeps state by key below it. */
function wrong(source: string): string[] {
  const yaml = `sources: { hub: { type: azure_event_hubs, emits: [azure_audit], ${source} } }
operators: { burst: { type: throttle, from: hub, key: azure.caller } }
sinks: { out: { type: stdout, from: burst } }`;
  try {
    planPipeline(PipelineDocument.parse('hub.yaml', yaml), builtIn());
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map(({ at, message }) => `${at?.line}:${at?.column} ${message}`);
  }
}

describe('the configuration', () => {
  it('says what does not go together, and where', () => {
    expect(wrong('connection: { env: X }')).toEqual([]);
    expect(wrong('hub: audit')).toEqual(['1:17 It needs `connection`, or `namespace` and `hub`']);
    expect(wrong('namespace: a.example')).toEqual(['1:17 With `namespace` it needs `hub`']);
    expect(wrong('namespace: a.example, connection: { env: X }')).toEqual([
      '1:76 `connection` names the namespace already',
    ]);
    expect(wrong('connection: { env: X }, checkpoints: { container: abc }')).toEqual([
      '1:102 `checkpoints` needs either `connection` or `url`',
      expect.stringMatching(/^2:55 It keeps state by key/),
    ]);
  });

  it('must let a replica be silent for longer than between two looks', () => {
    const checkpoints = 'container: abc, connection: { env: Y }, every: 10s, expires: 5s';
    expect(wrong(`connection: { env: X }, partitioned_by: [azure.caller], checkpoints: { ${checkpoints} }`)).toEqual([
      expect.stringMatching(/^1:\d+ `expires` must be longer than `every`/),
    ]);
  });

  it('lets replicas keep state only by what the partitions are divided by', () => {
    const shared = 'connection: { env: X }, checkpoints: { connection: { env: Y }, container: abc }';
    expect(wrong(shared).join()).toMatch(/^2:\d+ It keeps state by key, but replicas divide the events of hub/);
    expect(wrong(`${shared}, partitioned_by: [azure.caller]`)).toEqual([]);
  });
});

describe('reading', () => {
  it('gives every record once, in the order of its partition, and stands behind it', async () => {
    const hub = await hubOf();
    fill(hub, 30);
    const source = opened(hub);
    await source.until(() => source.ids.length === 30);
    fill(hub, 30, 30);
    await source.until(() => source.ids.length === 60);
    expect(sorted(source.ids)).toEqual(range(60));
    for (const partition of ['0', '1']) {
      const own = source.events.filter((event) => event.get('azure.eventhub.partition') === partition);
      const sequence = own.map((event) => Number(event.get('azure.eventhub.seq')));
      expect(sequence).toEqual([...sequence].sort((a, b) => a - b));
      expect(own).toHaveLength(30);
    }
    expect(source.position).toEqual({
      0: { offset: '1152', sequence: 9 },
      1: { offset: '1152', sequence: 9 },
    });
    expect([source.trouble, source.count('lag'), source.reports]).toEqual([undefined, 0, []]);
  });

  it('takes audit logs of clusters out of their records, and names the cluster', async () => {
    const hub = await hubOf({ partitions: 1 });
    const audit = {
      kind: 'Event',
      auditID: 'a1',
      stage: 'ResponseComplete',
      verb: 'create',
      user: { username: 'jane' },
    };
    const record = (category: string, log: string) => ({
      time: '2026-11-26T10:00:00Z',
      category,
      operationName: 'Microsoft.ContainerService/managedClusters/diagnosticLogs/Read',
      resourceId: '/SUBSCRIPTIONS/1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/SHOP',
      properties: { log, pod: 'kube-apiserver-1' },
    });
    const kube = JSON.stringify(audit);
    hub.publish(0, {
      records: [
        record('kube-audit', kube),
        record('guard', 'I1126 klog text'),
        {
          ...record('kube-audit-admin', kube),
          properties: JSON.stringify({ log: JSON.stringify({ ...audit, auditID: 'a2' }) }),
        },
        record('kube-audit', 'I1126 klog text'),
      ],
    });
    const source = opened(hub);
    await source.until(() => source.events.length === 3 && source.positions.length > 0);
    const kubernetes = source.events.filter(({ source: of }) => of === 'k8s_audit');
    expect(kubernetes.map((event) => [event.get('ka.auditid'), event.get('ka.cluster.name'), event.type])).toEqual([
      ['a1', 'SHOP', 'create'],
      ['a2', 'SHOP', 'create'],
    ]);
    expect(source.events.filter(({ source: of }) => of === 'azure_audit')).toHaveLength(1);
    expect(source.batches.map((batch) => batch.source).sort()).toEqual(['azure_audit', 'k8s_audit']);
    expect(source.reports.map(({ type, fields }) => [type, fields.reason])).toEqual([['drop', 'bad_record']]);
    const clusters = opened(hub, { config: { emits: ['k8s_audit'] } });
    await clusters.until(() => clusters.events.length === 2 && clusters.positions.length > 0);
    expect(clusters.reports.map(({ fields }) => fields.reason)).toEqual(['other_source', 'bad_record']);
  });

  it('poison costs itself alone: it is counted, shown, and passed', async () => {
    const hub = await hubOf({ partitions: 1 });
    hub.publish(0, { records: [activity(0)] });
    hub.publish(0, '{"records": [{"time": ');
    hub.publish(0, "{'records': [{'time': None, 'operationName': 'X/write', 'correlationId': '1',}]}");
    hub.publish(0, { records: [activity('large', { properties: { text: 'x'.repeat(900_000) } })] });
    hub.publish(0, { records: 'none' });
    hub.publish(0, { records: [null, 7, {}, activity(2)] });
    hub.publish(0, Buffer.from([0xff, 0xfe, 0x00]));
    hub.publish(0, '');
    const source = opened(hub);
    await source.until(() => source.stands[0] === 7);
    expect(source.ids).toEqual(['0', '1', 'large', '2']);
    expect(source.reports.map(({ fields }) => fields.reason)).toEqual([
      'bad_body',
      'bad_body',
      'bad_record',
      'bad_record',
      'bad_record',
      'bad_body',
      'bad_body',
    ]);
    expect(source.reports[0]?.fields).toMatchObject({
      event: '{"records": [{"time": ',
      message: 'the body of event 1 of partition 0 cannot be read: it is no JSON, and cannot be mended',
    });
    expect([source.count('mended'), source.end]).toEqual([1, 'open']);
  });

  it('begins at the end when it is told to, and then misses nothing, also when it was stopped before anything came', async () => {
    const hub = await hubOf({ partitions: 1 });
    fill(hub, 9);
    const first = opened(hub, { config: { start: 'latest' } });
    await first.until(() => first.positions.length > 0);
    await first.stop();
    fill(hub, 3, 9);
    const second = opened(hub, { config: { start: 'latest' }, position: first.position });
    await second.until(() => second.ids.length === 3);
    expect([first.ids, second.ids]).toEqual([[], range(3, 9)]);
  });

  it('waits for credit, however much there is', async () => {
    const hub = await hubOf({ partitions: 1 });
    const source = opened(hub, { config: { batch: 4 }, credit: 24, settle: () => undefined });
    fill(hub, 300);
    await source.until(() => source.ids.length === 24);
    for (let settled = 0; settled < source.batches.length; settled++) {
      source.batches[settled]?.ack.settle('delivered');
      expect(source.ids.length).toBeLessThanOrEqual(24);
    }
  });
});

describe('where it stands', () => {
  it('is behind what has settled without a gap, partition by partition; the rest is read again', async () => {
    const hub = await hubOf();
    fill(hub, 60);
    const held = (source: Opened) => source.ids.filter((_, index) => index < 0);
    const first = opened(hub, {
      config: { batch: 2 },
      // The second batch of partition 0 is never answered.
      settle: ({ events }) =>
        Number(events.at(0)?.get('azure.eventhub.seq')) === 2 && events.at(0)?.get('azure.eventhub.partition') === '0'
          ? undefined
          : 'delivered',
    });
    await first.until(() => first.ids.length === 60 && first.stands[1] === 9);
    expect(held(first)).toEqual([]);
    await first.stop();
    expect(first.stands).toEqual({ 0: 1, 1: 9 });
    const second = opened(hub, { position: first.position });
    await second.until(() => second.stands[0] === 9);
    expect(second.ids).toHaveLength(24);
    expect(new Set(second.events.map((event) => event.get('azure.eventhub.partition')))).toEqual(new Set(['0']));
  });

  it('a batch that failed is given again, and holds up neither what follows nor other partitions', async () => {
    const hub = await hubOf();
    fill(hub, 60);
    let failures = 0;
    const fails = () => failures < 3 || source.stands[1] !== 9;
    const source: Opened = opened(hub, {
      config: { batch: 2 },
      settle({ events }) {
        if (events.at(0)?.get('azure.correlationid') !== '0' || !fails()) return 'delivered';
        failures++;
        return 'failed';
      },
    });
    await source.until(() => source.stands[0] === 9 && source.stands[1] === 9);
    expect(failures).toBeGreaterThanOrEqual(3);
    expect(new Set(source.ids).size).toBe(60);
    // Partition 1 was through before partition 0 had moved at all.
    const [first] = source.positions.map(sequences).filter((places) => 0 in places);
    expect(first?.[1]).toBe(9);
  });

  it('events that the hub has forgotten meanwhile are a gap, said with their number', async () => {
    const hub = await hubOf({ partitions: 1 });
    fill(hub, 30);
    const first = opened(hub, { position: { 0: { offset: '128', sequence: 1 } } });
    await first.until(() => first.ids.length === 24);
    await first.stop();
    hub.expire(0, 7);
    const second = opened(hub, { position: { 0: { offset: '128', sequence: 1 } } });
    await second.until(() => second.ids.length === 9);
    expect(second.reports).toEqual([
      {
        type: 'gap',
        fields: {
          reason: 'expired',
          count: 5,
          message: '5 events of partition 0 (2 to 6) are no longer in the hub: not seen',
        },
      },
    ]);
  });

  it('a hub that was made anew is read from its beginning, and that is said', async () => {
    const hub = await hubOf({ partitions: 1 });
    fill(hub, 6);
    const source = opened(hub, { position: { 0: { offset: '99999', sequence: 780 } } });
    await source.until(() => source.ids.length === 6);
    expect(source.reports).toMatchObject([{ type: 'gap', fields: { reason: 'hub_made_anew' } }]);
  });

  it('stored nonsense counts for nothing', async () => {
    const hub = await hubOf({ partitions: 1 });
    fill(hub, 3);
    for (const position of ['x', { 0: 7, 1: { offset: 1 } }, null]) {
      const source = opened(hub, { position });
      await source.until(() => source.ids.length === 3);
      await source.stop();
    }
  });
});

describe('who we are', () => {
  const { cert, key, ca } = makeCertificates();
  const tls = { cert: readFileSync(cert), key: readFileSync(key) };
  const trusted = getCACertificates('default');
  beforeAll(() => setDefaultCACertificates([...trusted, readFileSync(ca, 'utf8')]));
  afterAll(() => setDefaultCACertificates(trusted));

  it('is known by a key over TLS, and through web sockets', async () => {
    for (const websockets of [false, true]) {
      const hub = await hubOf({ tls, websockets });
      fill(hub, 6);
      const source = opened(hub, { config: { transport: websockets ? 'websockets' : 'amqp' } });
      await source.until(() => source.ids.length === 6);
      await source.stop();
    }
  });

  it('is a managed identity where no connection string is given, refused as any other', async () => {
    const identity = createServer((request, response) => {
      const resource = new URL(request.url ?? '', 'http://x').searchParams.get('resource');
      const expires_on = String(Math.floor(Date.now() / 1000) + 3600);
      response.end(
        JSON.stringify({ access_token: `token for ${resource}`, expires_on, resource, token_type: 'Bearer' }),
      );
    });
    await once(identity.listen(0, '127.0.0.1'), 'listening');
    closing.push(async () => void identity.close());
    const hub = await hubOf({ tls });
    hub.tokens.add('token for https://eventhubs.azure.net/');
    fill(hub, 6);
    process.env.IDENTITY_ENDPOINT = `http://127.0.0.1:${(identity.address() as AddressInfo).port}/`;
    process.env.IDENTITY_HEADER = 'x';
    const config = { connection: undefined, namespace: hub.address, hub: 'audit' };
    const source = opened(hub, { config });
    await source.until(() => source.ids.length === 6);
    hub.tokens.clear();
    const refused = opened(hub, { config });
    await refused.until(() => refused.end !== 'open');
    expect(refused.end).toBeInstanceOf(SourceError);
    delete process.env.IDENTITY_ENDPOINT;
    delete process.env.IDENTITY_HEADER;
  });
});

describe('trouble', () => {
  it('goes on after every connection was cut, loses nothing, and counts it', async () => {
    const hub = await hubOf();
    fill(hub, 30);
    const source = opened(hub);
    await source.until(() => source.ids.length === 30);
    hub.drop();
    fill(hub, 30, 30);
    await source.until(() => source.ids.length === 60 && source.count('reconnects') > 0);
    expect(sorted(source.ids)).toEqual(range(60));
    expect([source.end, source.reports]).toEqual(['open', []]);
  });

  it('a hub that goes away while it is read is trouble', async () => {
    const hub = await hubOf();
    fill(hub, 30);
    const source = opened(hub);
    await source.until(() => source.ids.length === 30 && source.trouble === undefined);
    await hub.halt();
    await source.until(() => source.trouble !== undefined);
    expect(source.trouble).toMatch(/^partition \d: .*ECONNREFUSED/);
    expect(source.end).toBe('open');
  });

  it('a partition that is taken away for an error is claimed again, and stands behind what settled meanwhile', async () => {
    const hub = await hubOf({ partitions: 1 });
    fill(hub, 9);
    const source = opened(hub, { settle: () => undefined });
    await source.until(() => source.ids.length === 9);
    expect(source.metrics.byLabel('lag')).toEqual({ 0: 3 });
    hub.detach(0, 'amqp:not-allowed', 'The partition moves to another machine.');
    await source.until(() => source.count('errors') === 1 && hub.readers[0]?.length === 0);
    for (const { ack } of source.batches) ack.settle('delivered');
    await source.until(() => source.stands[0] === 2 && hub.readers[0]?.length === 1);
    fill(hub, 3, 9);
    await source.until(() => source.ids.length === 12);
    // From memory, where it was read to: nothing comes twice.
    expect(source.ids).toEqual(range(12));
    expect(source.log.lines).toEqual(['warn: partition 0: The partition moves to another machine.; trying again']);
  });

  it('a partition that could not be looked at is claimed again soon', async () => {
    const hub = await hubOf({ partitions: 1 });
    fill(hub, 3);
    hub.sick = 1;
    const source = opened(hub);
    await source.until(() => source.ids.length === 3);
    expect([hub.sick, source.metrics.byLabel('errors'), source.trouble]).toEqual([0, { balance: 1 }, undefined]);
  });

  it('a hub that is away is trouble, and an error that leads to another opening', async () => {
    const hub = await hubOf();
    await hub.halt();
    const source = opened(hub);
    expect(source.trouble).toBe('not connected to the event hub yet');
    await source.until(() => source.end !== 'open');
    expect(source.end).not.toBeInstanceOf(SourceError);
    expect(String(source.end)).toMatch(/ECONNREFUSED/);
  });

  it('a wrong key, hub or consumer group ends this source alone, with what to do', async () => {
    const hub = await hubOf();
    const wrong = hub.connectionString.replace('SharedAccessKey=c', 'SharedAccessKey=d');
    const cases: [object, RegExp][] = [
      [{ connection: secretOf(wrong) }, /^the event hub refuses us: InvalidSignature/],
      [
        { connection: secretOf(hub.connectionString.replace('=audit', '=other')) },
        /could not be found.* Is the name of the hub/,
      ],
      [{ consumer_group: 'nobody' }, /could not be found.* Is the name of the hub, or of the consumer group, right/],
    ];
    for (const [config, message] of cases) {
      const source = opened(hub, { config });
      await source.until(() => source.end !== 'open');
      expect(source.end).toBeInstanceOf(SourceError);
      expect(String((source.end as Error).message)).toMatch(message);
      expect(source.log.lines.join('\n')).not.toContain('SharedAccessKey');
    }
  });

  it('connection strings that are none are refused without being shown', async () => {
    const hub = await hubOf();
    const cases: [object, string][] = [
      [{ connection: secretOf('hunter2') }, 'the connection string has no Endpoint=sb://NAME.servicebus.windows.net'],
      [
        { connection: secretOf('Endpoint=sb://x.example/;SharedAccessKey=hunter2') },
        'the connection string has no SharedAccessKeyName and SharedAccessKey',
      ],
      [{ connection: { env: 'NOT_SET' } }, 'a secret is missing: the environment variable NOT_SET is not set'],
      [{ hub: 'billing' }, 'the connection string is of the hub audit, where `hub` is billing'],
      [
        { connection: secretOf(hub.connectionString.replace(/;EntityPath.*/, '')) },
        'the connection string names no hub (EntityPath): name it with `hub`',
      ],
    ];
    for (const [config, message] of cases) {
      // At once, so that a pipeline does not even start.
      const { end } = opened(hub, { config });
      expect(end).toBeInstanceOf(SourceError);
      expect(end).toMatchObject({ message, exit: 78 });
    }
    const checkpoints = { connection: secretOf('hunter2'), container: 'abc' };
    const source = opened(hub, { config: { checkpoints } });
    await source.until(() => source.end !== 'open');
    expect(source.end).toMatchObject({ message: 'the connection string of the storage account is none', exit: 78 });
  });

  it('a credential that expires while it reads ends the source, loudly; what was settled stays settled', async () => {
    const hub = await hubOf({ partitions: 1 });
    fill(hub, 9);
    const source = opened(hub);
    await source.until(() => source.ids.length === 9);
    hub.revoke();
    await source.until(() => source.end !== 'open');
    expect(source.end).toBeInstanceOf(SourceError);
    expect((source.end as Error).message).toMatch(/^the event hub refuses us: (ExpiredToken|InvalidSignature)/);
    expect(source.position).toEqual({ 0: { offset: '256', sequence: 2 } });
  });

  it('a key that was exchanged is read again: the source is opened again instead', async () => {
    const hub = await hubOf({ partitions: 1 });
    const connection = secretOf(hub.connectionString);
    const source = opened(hub, { config: { connection } });
    await source.until(() => hub.readers[0]?.length === 1);
    hub.revoke();
    process.env[connection.env] = hub.connectionString;
    await source.until(() => source.end !== 'open');
    expect(source.end).not.toBeInstanceOf(SourceError);
    fill(hub, 3);
    const again = opened(hub, { config: { connection } });
    await again.until(() => again.ids.length === 3);
  });

  it('another reader of the same consumer group is named', async () => {
    const hub = await hubOf({ partitions: 1 });
    const first = opened(hub);
    await first.until(() => hub.readers[0]?.length === 1);
    const second = opened(hub);
    await first.until(() => first.count('ownership_lost') === 1);
    expect(first.reports[0]?.fields).toMatchObject({ reason: 'ownership_lost' });
    expect(first.reports[0]?.fields.message).toMatch(/same consumer group: give each its own, or share checkpoints$/);
    fill(hub, 3);
    await second.until(() => second.ids.length === 3);
    expect(first.ids).toEqual([]);
  });
});

describe.skipIf(!hasAzurite)('replicas that share checkpoints in Azure Blob', () => {
  it('divide four partitions, take over from one that stopped, and lose nothing', async () => {
    const [hub, blobs] = [await hubOf({ partitions: 4 }), await blobsOf()];
    const config = shared(blobs);
    const first = opened(hub, { config });
    const owned = (source: Opened) =>
      new Set(hub.readers.flatMap((_, index) => (source.metrics.byLabel('claims')[index] ? [index] : [])));
    await first.until(() => owned(first).size === 4);
    fill(hub, 60);
    await first.until(() => first.ids.length === 60);
    const second = opened(hub, { config });
    const owners = async () => Object.values(await blobs.of('ownership')).map(({ ownerid }) => ownerid);
    await second.until(async () => {
      const counts = Object.values(Object.groupBy(await owners(), (owner) => owner ?? '')).map(
        (group) => group?.length,
      );
      return counts.length === 2 && counts[0] === 2 && owned(second).size >= 2;
    });
    await first.until(() => first.count('ownership_lost') >= 2);
    fill(hub, 60, 60);
    await first.until(() => new Set([...first.ids, ...second.ids]).size === 120);
    expect(second.ids.length).toBeGreaterThan(0);
    await first.stop();
    fill(hub, 60, 120);
    await second.until(() => new Set([...first.ids, ...second.ids]).size === 180);
    expect(sorted([...new Set([...first.ids, ...second.ids])])).toEqual(range(180));
    expect([first.end, second.end]).toEqual(['open', 'open']);
  });

  it('stores at its stop what has settled, and lets go of its partitions at once', async () => {
    const [hub, blobs] = [await hubOf(), await blobsOf()];
    fill(hub, 60);
    const source = opened(hub, { config: shared(blobs), settle: () => undefined });
    await source.until(() => source.ids.length === 60);
    for (const { ack } of source.batches) ack.settle('delivered');
    await source.stop();
    expect(await blobs.of('checkpoint')).toEqual({
      0: { sequencenumber: '9', offset: '1152' },
      1: { sequencenumber: '9', offset: '1152' },
    });
    expect(Object.values(await blobs.of('ownership')).map(({ ownerid }) => ownerid)).toEqual(['', '']);
  });

  it('goes on reading while the store is overloaded, and says so', async () => {
    const [hub, blobs] = [await hubOf(), await blobsOf()];
    const source = opened(hub, { config: shared(blobs) });
    await source.until(() => source.trouble === undefined && hub.readers.every(({ length }) => length === 1));
    blobs.refuse(503);
    fill(hub, 30);
    await source.until(() => source.ids.length === 30 && source.trouble !== undefined);
    blobs.pass();
    await source.until(
      async () => source.trouble === undefined && Object.keys(await blobs.of('checkpoint')).length === 2,
    );
    expect([source.end, source.count('errors') > 0]).toEqual(['open', true]);
  });

  it('without rights there ends, also when they are taken away later', async () => {
    const [hub, blobs] = [await hubOf(), await blobsOf()];
    const source = opened(hub, { config: shared(blobs) });
    await source.until(() => source.trouble === undefined);
    blobs.refuse(403);
    await source.until(() => source.end !== 'open');
    const other = opened(hub, { config: shared(blobs) });
    await other.until(() => other.end !== 'open');
    for (const { end } of [source, other]) {
      expect(end).toBeInstanceOf(SourceError);
      expect((end as Error).message).toContain(`the checkpoints in the container ${blobs.container} cannot be read: `);
    }
  });
});
