/** The source `k8s_audit` as a webhook, over real sockets. */

import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { k8sAudit } from '../../../src/sources/k8s-audit/index.ts';
import { until } from '../../sinks/servers.ts';
import { Harness } from '../harness.ts';
import { auditEvent, auditEvents, namesOf } from './events.ts';
import { start } from './hook.ts';

describe('what kube-apiserver sends', () => {
  it('is an event, a list, or an array of either; each is answered once its events have settled', async () => {
    const { source, post } = await start();
    const list = (items: object[]) => ({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items });
    expect(await post(auditEvent(0))).toMatchObject({ status: 200, body: '' });
    expect(await post(list(auditEvents(3, 1)))).toMatchObject({ status: 200 });
    expect(await post([auditEvent(4), list(auditEvents(2, 5))])).toMatchObject({ status: 200 });
    expect(source.values('ka.target.name')).toEqual(namesOf(7));
    expect(source.events[0]).toMatchObject({ source: 'k8s_audit', time: 1_772_446_501_010_000_000n });
    expect((await post(list([]))).status).toBe(200);
  });

  it('is of the cluster that it names, else of the one that the configuration names', async () => {
    const { source, post } = await start({ cluster: 'prod' });
    const annotated = auditEvent(1, { annotations: { cluster_name: 'other' } });
    await post([auditEvent(0), annotated]);
    expect(source.values('ka.cluster.name')).toEqual(['prod', 'other']);
  });

  it('comes in batches, however long the list', async () => {
    const { source, post } = await start();
    expect((await post({ kind: 'EventList', items: auditEvents(600) })).status).toBe(200);
    expect(source.batches.map(({ events }) => events.length)).toEqual([256, 256, 88]);
  });

  it('may be compressed, and have a charset', async () => {
    const { source, send } = await start();
    const headers = { 'content-type': 'Application/JSON; charset=utf-8', 'content-encoding': 'gzip' };
    const body = gzipSync(JSON.stringify(auditEvent(1)));
    expect((await send(body, { headers })).status).toBe(200);
    expect(source.values('ka.target.name')).toEqual(['p1']);
  });

  it('costs only what is broken: the rest of a list is kept, and what is lost is counted', async () => {
    const { source, post } = await start();
    const items = [auditEvent(1), null, 7, 'x', [], auditEvent(2)];
    const { status, body } = await post({ kind: 'EventList', items });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ accepted: 2, rejected: 4 });
    expect(source.values('ka.target.name')).toEqual(['p1', 'p2']);
    expect(source.said).toEqual(Array(4).fill('drop bad_event 1'));
  });

  it('may nest without end', async () => {
    const { source, send } = await start();
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const body = (n: number, more: unknown) =>
      `{"kind":"EventList","items":[${JSON.stringify(auditEvent(n))},${deep},${more}]}`;
    expect((await send(body(1, 7))).status).toBe(200);
    // Nor does a large number, which is looked at level by level, cost the rest of it.
    expect((await send(body(2, '1152921504606846977'))).status).toBe(200);
    expect(source.values('ka.target.name')).toEqual(['p1', 'p2']);
    expect(source.said).toEqual(Array(4).fill('drop bad_event 1'));
    expect(source.reports[0]?.fields.event).toMatch(/nests too deeply/);
  });

  it('never stops the source, whatever it is', async () => {
    const { source, post } = await start();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        expect((await post(value)).status).toBe(200);
      }),
      { numRuns: 60 },
    );
    expect((await post({ ...auditEvent(1), user: null, objectRef: null, annotations: null })).status).toBe(200);
    expect(source.end).toBe('open');
  });
});

describe('delivery', () => {
  it('answers only when the last event has settled', async () => {
    const { source, post } = await start({}, { settle: () => undefined });
    let answered = false;
    const reply = post(auditEvents(300)).then((each) => {
      answered = true;
      return each;
    });
    await source.until(({ batches }) => batches.length === 2);
    source.batches[0]?.ack.settle('spooled');
    await new Promise((done) => setTimeout(done, 20));
    expect(answered).toBe(false);
    source.batches[1]?.ack.settle('filtered');
    expect((await reply).status).toBe(200);
    expect(source.seen.size).toBe(300);
  });

  it('emits again what failed, before it answers', async () => {
    const { source, post } = await start({}, { settle: (_, index) => (index < 2 ? 'failed' : 'delivered') });
    expect((await post(auditEvent(1))).status).toBe(200);
    expect(source.values('ka.target.name')).toEqual(['p1', 'p1', 'p1']);
  });

  it('knows what it has seen: by auditID and stage, also while the first copy is under way', async () => {
    const { source, post } = await start({}, { settle: () => undefined, seen: ['audit-0/ResponseComplete'] });
    const first = post([auditEvent(1), auditEvent(1), auditEvent(1, { stage: 'RequestReceived' })]);
    await source.until(({ events }) => events.length === 2);
    const second = post([auditEvent(1)]);
    await new Promise((done) => setTimeout(done, 20));
    expect(source.events).toHaveLength(2);
    source.batches[0]?.ack.settle('delivered');
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    expect((await post([auditEvent(1)])).status).toBe(200);
    expect(source.events).toHaveLength(2);
    expect(source.metrics.total('duplicates')).toBe(3);
  });

  it('asks to come again when too much is under way, and takes nothing of it', async () => {
    const { source, post } = await start({}, { settle: () => undefined, credit: 3 });
    const first = post(auditEvents(3));
    await source.until(({ events }) => events.length === 3);
    const refused = await post(auditEvents(2, 10));
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(JSON.parse(refused.body).error).toMatch(/under way/);
    source.batches[0]?.ack.settle('delivered');
    expect((await first).status).toBe(200);
    const again = post(auditEvents(2, 10));
    await source.until(({ events }) => events.length === 5);
    source.batches[1]?.ack.settle('delivered');
    expect((await again).status).toBe(200);
    expect(source.values('ka.target.name')).toEqual([...namesOf(3), ...namesOf(2, 10)]);
  });

  it('is over after its time with 503, and what was taken is delivered all the same', async () => {
    const { source, post } = await start({ timeout: '200ms' }, { settle: () => undefined });
    expect(await post(auditEvent(1))).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    const again = post(auditEvent(1));
    await new Promise((done) => setTimeout(done, 20));
    source.batches[0]?.ack.settle('delivered');
    expect((await again).status).toBe(200);
    expect(source.events).toHaveLength(1);
  });

  it('at the end answers what is under way, then nobody', async () => {
    const { source, post } = await start({}, { settle: () => undefined });
    const reply = post(auditEvent(1));
    await source.until(({ events }) => events.length === 1);
    const settling = new AbortController();
    const stopped = source.stop(settling.signal);
    await expect(post(auditEvent(2))).rejects.toThrow(/ECONNREFUSED/);
    source.batches[0]?.ack.settle('delivered');
    expect((await reply).status).toBe(200);
    await stopped;
  });
});

describe('an address', () => {
  it('that is taken may be free again: the source fails, and can be opened anew', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until(() => other.listening);
    const { port } = other.address() as { port: number };
    const source = new Harness(k8sAudit, { listen: `127.0.0.1:${port}` });
    await source.until(({ end }) => end !== 'open');
    expect(String(source.end)).toMatch(`cannot listen at 127.0.0.1:${port}: listen EADDRINUSE`);
    expect(source.end).not.toBeInstanceOf(SourceError);
    other.close();
  });

  it('with certificates that cannot be used ends the source alone', async () => {
    const tls = { cert: '/nowhere/tls.crt', key: '/nowhere/tls.key' };
    const source = new Harness(k8sAudit, { listen: '127.0.0.1:0', tls });
    expect(source.end).toBeInstanceOf(SourceError);
    expect(String(source.end)).toMatch('a file of TLS cannot be read: ENOENT');
  });
});
