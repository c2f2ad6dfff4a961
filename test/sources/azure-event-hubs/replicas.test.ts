/** Sources `azure_event_hubs` that share a hub by checkpoints in a blob container on loopback. */

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { Blobs, hasAzurite } from '../../azure/blobs.ts';
import { type Opened, secretOf } from '../../azure/opened.ts';
import { closing, fill, hubOf, opened, range, sorted } from './stage.ts';

async function blobsOf(): Promise<Blobs> {
  const blobs = await Blobs.start();
  closing.push(() => blobs.stop());
  return blobs;
}

const shared = (blobs: Blobs) => ({
  checkpoints: {
    connection: secretOf(blobs.connectionString),
    container: blobs.container,
    every: '200ms',
    expires: '1s',
  },
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

  it('lets go of its partitions at its stop also when the hub has no time to say goodbye', async () => {
    const [hub, blobs] = [await hubOf(), await blobsOf()];
    fill(hub, 60);
    const source = opened(hub, { config: shared(blobs), settle: () => undefined });
    await source.until(() => source.ids.length === 60);
    for (const { ack } of source.batches) ack.settle('delivered');
    hub.stall();
    await source.stop();
    expect(Object.keys(await blobs.of('checkpoint'))).toEqual(['0', '1']);
    const owners = async () => Object.values(await blobs.of('ownership')).map(({ ownerid }) => ownerid);
    expect(await owners()).toEqual(['', '']);
    // Nor does what is left of it take them again, at its next turns.
    await sleep(600);
    expect(await owners()).toEqual(['', '']);
  });

  it('leaves no connection to the hub open where the store refuses it, or does not answer', async () => {
    const [hub, blobs] = [await hubOf(), await blobsOf()];
    const source = opened(hub, { config: shared(blobs) });
    const reads = () => hub.readers.every(({ length }) => length === 1);
    await source.until(() => source.trouble === undefined && reads());
    blobs.refuse(403);
    await source.until(() => source.end !== 'open' && hub.connections === 0);
    blobs.pass();
    const other = opened(hub, { config: shared(blobs) });
    await other.until(() => other.trouble === undefined && reads());
    blobs.hang();
    await other.stop();
    await other.until(() => hub.connections === 0);
    expect(other.log.lines).toContain('warn: the event hub was not left well: the checkpoints do not answer');
  }, 40_000);

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
