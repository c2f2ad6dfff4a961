/** What the configuration of the source `nats` means to the plan. */

import { expect, it } from 'vitest';
import { EventRecord } from '../../../src/events/record.ts';
import { partitionOf } from '../../../src/nats/partition.ts';
import { nats } from '../../../src/sources/nats/index.ts';

it('says in its plan how replicas divide it', () => {
  const sharing = (more: object) =>
    nats.shared?.(nats.config.parse({ servers: 'x', stream: 'S', subject: 'a', ...more }));
  expect(sharing({})).toEqual({ by: [] });
  expect(sharing({ exclusive: true })).toBeUndefined();
  expect(sharing({ partitions: { of: 3 } })).toBeUndefined();
  const divided = sharing({ partitions: { of: 3, mine: [1], key: ['user.name', 'node.name'] } });
  expect(divided?.by).toEqual(['user.name', 'node.name']);
  const names = Array.from({ length: 9 }, (_, n) => `n${n}`);
  const partitions = names.map((name) =>
    partitionOf(new EventRecord('internal', 'heartbeat', 1n, { 'user.name': 'jane', 'node.name': name }), {
      of: 3,
      key: ['user.name', 'node.name'],
    }),
  );
  expect(new Set(partitions).size).toBe(3);
  expect(names.map((name) => divided?.has?.(['jane', name]))).toEqual(partitions.map((each) => each === 1));
});

it.each([
  [{ partitions: { of: 2, mine: [2] } }, 'partitions are numbered from 0 to one below `of`'],
  [{ partitions: { of: 2 }, subject: 'a.>' }, 'with `partitions`, `subject` is that of the sinks'],
  [{ partitions: { of: 2 }, subject: undefined }, 'with `partitions`, `subject` is that of the sinks'],
  [{ ack_wait: '10ms' }, 'at least 1s'],
  [{ create_stream: {}, subject: undefined }, 'with `create_stream`, `subject` says what goes into it'],
  [{ stream: 'a.b' }, 'a name has letters, digits, _ and - only'],
])('refuses %j', (more, message) => {
  const result = nats.config.safeParse({ servers: 'x', stream: 'S', subject: 'a', ...more });
  expect(result.error?.issues.map((issue) => issue.message).join()).toContain(message);
});
