/** What an event holds while it waits for a sink: bytes of the heap, beside what the queue reckons with. */

import { z } from 'zod';
import { Delivery } from '../../src/core/delivery/delivery.ts';
import { deliveryKeys } from '../../src/core/delivery/delivery-config.ts';
import type { Event } from '../../src/core/event.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import { createLogger } from '../../src/core/log.ts';
import { Counters } from '../../src/core/metrics.ts';
import { makeAlert } from '../../src/events/alert.ts';
import { EventRecord } from '../../src/events/record.ts';
import { weigh } from '../../src/pipeline/run/weigh.ts';
import { inUse } from '../../test/garbage.ts';

const EVENTS = 100_000;
const BATCH = 256;

const fieldsOf = (n: number) => ({
  'proc.name': `proc-${n}`,
  'proc.cmdline': `proc-${n} --config /etc/service/${n}.conf --verbose`,
  'proc.exepath': `/usr/lib/service/proc-${n}`,
  'fd.name': `/var/lib/service/data/${n}.db`,
  'user.name': `user-${n}`,
  'proc.pid': n,
});

function measure(name: string, make: (n: number) => EventRecord): void {
  const config = z.object(deliveryKeys).parse({ queue: { events: EVENTS * 2, size: '4GiB' } });
  const sink = { write: () => new Promise<void>(() => {}), close: async () => {} };
  const delivery = new Delivery(sink, config, createLogger({ level: 'silent' }), new Counters(), () => {});
  const before = inUse();
  for (let from = 0; from < EVENTS; from += BATCH) {
    const events: Event[] = Array.from({ length: Math.min(BATCH, EVENTS - from) }, (_, n) => make(from + n));
    delivery.offer({ events, bytes: events.reduce((sum, event) => sum + weigh(event), 0), ack: liveAck });
  }
  const after = inUse();
  const held = (after.heapUsed + after.external - before.heapUsed - before.external) / EVENTS;
  const reckoned = delivery.queue.bytes / delivery.queue.events;
  console.log(`${name}: ${held.toFixed(0)} bytes an event; the queue reckons with ${reckoned.toFixed(0)}`);
  delivery.giveUp(new Error('over'));
}

measure('a system call with six fields', (n) => new EventRecord('syscall', 'openat', BigInt(n), fieldsOf(n)));
measure('an alert with six fields', (n) => {
  const output = `File opened (file=/var/lib/service/data/${n}.db process=proc-${n} user=user-${n})`;
  const content = {
    rule: 'Opened',
    priority: 'Notice',
    tags: ['a', 'b'],
    hostname: 'node1',
    output,
    source: 'syscall',
  };
  return makeAlert(BigInt(n), { ...content, outputFields: fieldsOf(n) });
});
