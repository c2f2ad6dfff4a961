/** What lies between the operators and a sink's write, run ahead of the first event. */

import { z } from 'zod';
import { liveAck } from '../core/ack.ts';
import { expand, type Sink } from '../core/component.ts';
import { Delivery, deliveryKeys } from '../core/delivery.ts';
import { createLogger } from '../core/log.ts';
import { Counters } from '../core/metrics.ts';
import { REHEARSALS } from '../core/rehearsal.ts';
import { makeAlert } from '../events/alert.ts';
import { recordForm } from '../events/record.ts';
import { type FusedNode, type Port, Segment } from './fuse.ts';
import { Totals } from './totals.ts';

/** Sends alerts through a graph of its own, which ends nowhere. */
export async function rehearse(): Promise<void> {
  let written = () => {};
  const nowhere: Sink = { write: async () => written(), close: async () => {} };
  const config = z.object(deliveryKeys).parse({});
  const log = createLogger({ level: 'silent' });
  const delivery = new Delivery(nowhere, config, log, new Counters(), () => {});
  const port: Port = { id: 'sink', fields: () => [], deliver: (_source, parcel) => delivery.offer(parcel) };
  const node: FusedNode = {
    id: 'operator',
    step: expand((event, emit) => emit(event)),
    emits: (source) => source,
    fields: () => [],
    next: [port],
    failed: () => {},
    received: { value: 0 },
    sent: { value: 0 },
  };
  const segment = new Segment([node], new Totals());
  const fields = { 'proc.name': 'example', 'proc.pid': 1, 'fd.name': null };
  const content = { rule: 'Example', priority: 'Debug', tags: ['host'], hostname: '', output: '', source: 'syscall' };
  for (let time = 0; time < REHEARSALS; time++) {
    const events = [makeAlert(0n, { ...content, outputFields: fields })];
    const done = new Promise<void>((resolve) => {
      written = resolve;
    });
    segment.process({ source: 'alert', form: recordForm, events, ack: liveAck });
    await done;
  }
  await delivery.close(new AbortController().signal);
}
