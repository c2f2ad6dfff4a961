/** The source `azure_event_hubs` when something goes wrong. */

import { describe, expect, it } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { secretOf } from '../../azure/opened.ts';
import { fill, hubOf, opened, range, sorted } from './stage.ts';

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
