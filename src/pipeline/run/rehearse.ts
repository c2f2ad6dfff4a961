/** What lies below the operators, run ahead of the first event. */

import { z } from 'zod';
import { expand, type Sink } from '../../core/component.ts';
import { Delivery } from '../../core/delivery/delivery.ts';
import { deliveryKeys } from '../../core/delivery/delivery-config.ts';
import { liveAck } from '../../core/flow/ack.ts';
import { REHEARSALS } from '../../core/flow/rehearsal.ts';
import { createLogger } from '../../core/log.ts';
import { Counters } from '../../core/metrics.ts';
import { makeAlert } from '../../events/alert.ts';
import { recordForm } from '../../events/record.ts';
import { type FusedNode, type Port, Segment } from './fuse.ts';
import { Totals } from './totals.ts';

/** An alert that may hide a password, so that all that looks for secrets has to look. */
const example = () =>
  makeAlert(0n, {
    rule: 'An example',
    priority: 'Debug',
    tags: ['host'],
    hostname: '',
    output: 'cat /etc/passwd',
    source: 'syscall',
    outputFields: { 'proc.cmdline': 'cat /etc/passwd', 'proc.pid': 1, 'fd.name': null },
  });

/** What a sink does with events before they are written. What it fails with the first write says. */
export async function rehearseSink(sink: Sink): Promise<void> {
  if (!sink.rehearse) return;
  try {
    for (let time = 0; time < REHEARSALS; time++) await sink.rehearse([example()]);
  } catch {}
}

/** What lies between the operators and the sinks: alerts go through a graph of its own, which ends nowhere. */
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
  for (let time = 0; time < REHEARSALS; time++) {
    const done = new Promise<void>((resolve) => {
      written = resolve;
    });
    segment.process({ source: 'alert', form: recordForm, events: [example()], ack: liveAck });
    await done;
  }
  await delivery.close(new AbortController().signal);
}
