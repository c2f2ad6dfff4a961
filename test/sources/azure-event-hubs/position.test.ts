/** Where the source `azure_event_hubs` stands, and goes on. */

import { describe, expect, it } from 'vitest';
import { type Opened, sequences } from '../../azure/opened.ts';
import { fill, hubOf, opened } from './stage.ts';

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
