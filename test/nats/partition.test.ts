import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventRecord } from '../../src/events/record.ts';
import { parseRecord, recordJson } from '../../src/events/record-json.ts';
import { partitionOf, partitionSubject } from '../../src/nats/partition.ts';
import { scratch } from '../scratch.ts';
import { recordOf } from '../sinks/shared.ts';
import { hasNats, NatsServer } from './server.ts';

describe('partitions', () => {
  const of = (value: string, count: number) =>
    partitionOf(recordOf({ 'node.name': value }), { of: count, key: 'node.name' });

  it('are numbers below their count, and the same for the same values of the key', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.bigInt(), fc.boolean());
    fc.assert(
      fc.property(value, value, fc.integer({ min: 1, max: 1024 }), (a, b, count) => {
        const partitions = { of: count, key: ['user.name', 'fd.name'] };
        const record = (n: number) => recordOf({ 'user.name': a, 'fd.name': b, n });
        const one = partitionOf(record(1), partitions);
        expect(one).toBeGreaterThanOrEqual(0);
        expect(one).toBeLessThan(count);
        expect(partitionOf(record(2), partitions)).toBe(one);
      }),
    );
  });

  it('are the same for an event that has been sent and read', () => {
    const value = fc.oneof(
      fc.string(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(value, (given) => {
        const record = new EventRecord('syscall', 'open', 1n, { 'fd.name': given });
        const parsed = parseRecord(recordJson(record), { file: 'x', line: 1 });
        if ('problem' in parsed) throw new Error(parsed.problem.message);
        const partitions = { of: 97, key: 'fd.name' };
        expect(partitionOf(parsed.record, partitions)).toBe(partitionOf(record, partitions));
      }),
    );
  });

  it('divide many nodes evenly enough', () => {
    const counts = Array<number>(12).fill(0);
    for (let n = 0; n < 1200; n++) counts[of(`node-${n}.example`, 12)] = (counts[of(`node-${n}.example`, 12)] ?? 0) + 1;
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(200);
  });

  it('know what is not kept among the fields of an event, and divide events that have no key too', () => {
    expect(partitionOf(recordOf({}), { of: 7, key: 'evt.type' })).toBe(of('open', 7));
    expect(partitionOf(recordOf({}), { of: 7, key: 'node.name' })).toBe(of('', 7));
    expect(partitionSubject('falco-pipe.events', 3)).toBe('falco-pipe.events.3');
  });

  it.skipIf(!hasNats)('are those of nats-server itself', async () => {
    const folder = scratch();
    const config = join(folder, 'nats.conf');
    writeFileSync(config, 'mappings = { "in.*": "out.{{partition(12,1)}}.{{wildcard(1)}}" }\n');
    const server = await NatsServer.start('-c', config);
    const connection = await connect({ servers: server.url });
    const names = Array.from({ length: 50 }, (_, n) => `node-${n}ü`);
    const mapped = connection.subscribe('out.>', { max: names.length });
    for (const name of names) connection.publish(`in.${name}`);
    for await (const { subject } of mapped) {
      const [, partition, name = ''] = subject.split('.');
      expect([name, Number(partition)]).toEqual([name, of(name, 12)]);
    }
    await connection.close();
    await server.halt();
  });
});
