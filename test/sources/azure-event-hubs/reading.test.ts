/** The source `azure_event_hubs`: the unmodified SDK against a hub on loopback. */

import { describe, expect, it } from 'vitest';
import { activity } from '../../azure/opened.ts';
import { fill, hubOf, opened, range, sorted } from './stage.ts';

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
