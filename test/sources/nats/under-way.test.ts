/** Messages under way: whatever happens in whatever order, each gets one answer, and what it takes up is given back once. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Fates, Status } from '../../../src/core/flow/ack.ts';
import { Credit } from '../../../src/core/flow/credit.ts';
import { Counters } from '../../../src/core/metrics.ts';
import type { JsMsg } from '../../../src/nats/client.ts';
import { type Item, UnderWay } from '../../../src/sources/nats/under-way.ts';
import { tick } from '../../core/shared.ts';
import { recordOf } from '../../sinks/shared.ts';

const status = fc.constantFrom<Status>('delivered', 'filtered', 'dropped', 'absorbed', 'failed');
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), id: fc.constantFrom('a', 'b', 'c', 'd') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('emit' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      fates: fc.array(status, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'commit' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'refuse' as const }) },
);

it('each message is answered once, and only once it is on disk that it need not come again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const answers: string[][] = [];
      const room = new Credit(1000);
      const onDisk = new Set<string>();
      const noted: string[] = [];
      let credit = 0;
      const commits: (() => void)[] = [];
      const underWay = new UnderWay(
        {
          now: () => 0,
          metrics: new Counters(),
          advance: (_position, ids = []) => void noted.push(...ids),
          release: (count) => {
            credit -= count;
          },
          committed: () => new Promise((resolve) => commits.push(resolve)),
        },
        () => ({}),
      );
      let unread: Item[] = [];
      const emitted: Item[][] = [];
      const commit = async () => {
        for (const id of noted.splice(0)) onDisk.add(id);
        for (const resolve of commits.splice(0)) resolve();
        await tick();
      };
      const settle = (items: readonly Item[], given: readonly Status[]) => {
        const statuses = items.map((_, place) => given[place % given.length] as Status);
        const fates: Fates = new Map(statuses.map((status, place) => [place, { status }]));
        const failed = statuses.includes('failed');
        // What has its fate gives its credit back by itself.
        credit -= statuses.filter((each) => each !== 'failed').length;
        underWay.settle(items, failed ? 'failed' : 'delivered', fates);
      };
      for (const each of acts) {
        if (each.do === 'read') {
          await room.take(1);
          const said: string[] = [];
          const say = (what: string) => () => {
            if (what === 'ack' && !onDisk.has(each.id)) said.push('too early');
            said.push(what);
          };
          const message = { seq: 1, info: { deliveryCount: 1 }, ack: say('ack'), nak: say('nak') } as unknown as JsMsg;
          answers.push(said);
          const item = underWay.add(each.id, recordOf({}), { message, room });
          if (item) unread.push(item);
        } else if (each.do === 'refuse') {
          await room.take(1);
          const said: string[] = [];
          const letter = `letter ${answers.push(said)}`;
          noted.push(letter);
          const term = () => void said.push(...(onDisk.has(letter) ? [] : ['too early']), 'term');
          underWay.refuse({ message: { term } as unknown as JsMsg, room }, 'it is none');
        } else if (each.do === 'emit') {
          const [before, fresh] = [
            unread.filter(({ id }) => onDisk.has(id)),
            unread.filter(({ id }) => !onDisk.has(id)),
          ];
          underWay.seenBefore(before);
          unread = [];
          credit += fresh.length;
          for (const item of fresh) item.emitted = true;
          if (fresh.length > 0) emitted.push(fresh);
        } else if (each.do === 'settle') {
          const items = emitted.shift();
          if (items) settle(items, each.fates);
        } else await commit();
      }
      underWay.stop();
      for (const items of emitted) settle(items, ['failed', 'delivered']);
      const done = underWay.done(AbortSignal.abort());
      await commit();
      await done;
      expect(answers.filter((said) => said.length !== 1)).toEqual([]);
      expect(room.used).toBe(0);
      expect(credit).toBe(0);
    }),
  );
});
