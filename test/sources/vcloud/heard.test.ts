import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Counters } from '../../../src/core/metrics.ts';
import { Heard } from '../../../src/sources/vcloud/heard.ts';
import { message } from './director.ts';

function listen(clock = { now: 0 }) {
  const rejected: string[] = [];
  const metrics = new Counters();
  const ctx = { now: () => clock.now, metrics, reject: (text: string) => void rejected.push(text) };
  return { heard: new Heard(ctx), rejected, metrics, clock };
}

it('a message is an event, is counted, or is rejected, whatever it is', () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((payload) => JSON.stringify({ type: 'EVENT', payload })),
    fc
      .record({ type: fc.constantFrom('EVENT', 'TASK', null), payload: fc.jsonValue() })
      .map((each) => JSON.stringify(each)),
  );
  fc.assert(
    fc.property(text, (payload) => {
      const { heard, rejected, metrics, clock } = listen();
      const taken = heard.add('t', payload);
      clock.now = 60_000;
      expect(heard.overdue(clock.now).length + rejected.length + metrics.total('other_messages')).toBe(1);
      expect(heard.waiting).toBe(false);
      expect(taken).toBe(rejected.length + metrics.total('other_messages') === 0);
    }),
  );
});

it('the eldest is given as it is when too many wait, and a clock that is set back ends the wait', () => {
  const { heard, clock } = listen({ now: 100_000 });
  for (let n = 0; n < 10_001; n++) heard.add('t', message(n, 0));
  expect(heard.overdue(clock.now)).toHaveLength(1);
  expect(heard.overdue(clock.now)).toHaveLength(0);
  expect(heard.overdue(50_000)).toHaveLength(10_000);
});

const shared = new URL('../../../../shared/data/cloud/vcd/mqtt_messages.jsonl', import.meta.url);
it.skipIf(!existsSync(shared))('all messages of the sample are events (skipped without ../shared)', () => {
  const { heard, rejected, clock } = listen();
  for (const line of readFileSync(shared, 'utf8').trim().split('\n')) {
    const { topic, message } = JSON.parse(line);
    heard.add(topic, JSON.stringify(message));
  }
  expect(rejected).toEqual([]);
  expect(heard.overdue((clock.now = 60_000))).toHaveLength(12);
});
